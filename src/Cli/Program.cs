using Afs.Cli;

SafeConsole.Install();
return await AfsCommand.RunAsync(CommandLineBytes.Read(args));

using Afs.Cli;

return await AfsCommand.RunAsync(args);

using Afs.CommandLines;
using Afs.Vice.Hosting.Commands;

SafeConsole.Install();
return await ViceCommandLine.RunAsync(args);

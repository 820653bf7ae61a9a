using Afs.CommandLines;
using Afs.Venus.Hosting;

SafeConsole.Install();
return await VenusCommand.RunAsync(args);

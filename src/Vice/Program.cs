using Afs.Vice.Hosting.Commands;

return await ViceCommandLine.RunAsync(args);

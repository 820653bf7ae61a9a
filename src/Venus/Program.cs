using Afs.Venus.Hosting;

return await VenusCommand.RunAsync(args);

using Afs.Bench.Macro.Hosting;

return new CommandLine().Invoke(args, (options, stop) => new BenchRun(options).Execute(stop));

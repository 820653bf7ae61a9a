using System.Reflection;
using Afs.Bench.Micro;
using BenchmarkDotNet.Running;

string[] selection = args.Length == 0 ? ["--filter", "*"] : args;
BenchmarkSwitcher.FromAssembly(Assembly.GetExecutingAssembly()).Run(selection, new MicroConfig());

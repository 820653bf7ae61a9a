return Afs.Simulation.SimulateCommand.Run(args);

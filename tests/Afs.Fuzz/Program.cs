using Afs.Fuzz;

return WorkOrder.TryParse(args) is { } order ? Worker.Run(order, CoverageMap.Install()) : FuzzCommand.Run(args);

using Afs.Bench.Macro.Hosting;
using Afs.Bench.Macro.Measuring;
using Afs.Bench.Macro.Trees;

namespace Afs.Bench.Macro.Workloads;

/// <summary>What all workloads share.</summary>
/// <param name="Sizes">How much of everything.</param>
/// <param name="Scratch">A folder on the control's disk for what is not under test.</param>
/// <param name="Tree">The source tree for Andrew and the tools.</param>
/// <param name="Results">Takes notes of what could not be done.</param>
/// <param name="ViceProgram">For workloads that start a server of their own.</param>
public sealed record WorkContext(Sizes Sizes, string Scratch, SourceTree Tree, ResultSet Results, string ViceProgram);

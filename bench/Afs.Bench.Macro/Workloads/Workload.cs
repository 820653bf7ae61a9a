using Afs.Bench.Macro.Measuring;
using Afs.Bench.Macro.Places;

namespace Afs.Bench.Macro.Workloads;

/// <summary>
/// A piece of work that is done in the same way at each place, in turns. It keeps no state of one place between calls but in files,
/// below the folder <see cref="FolderOf"/>, which exists before the first call and is removed after the last.
/// </summary>
public abstract class Workload(WorkContext context)
{
    /// <summary>As --only takes it.</summary>
    public abstract string Name { get; }

    /// <summary>What is done, in one line for who watches.</summary>
    public abstract string About { get; }

    protected WorkContext Context { get; } = context;

    /// <summary>Once for each place, not timed.</summary>
    public virtual void Prepare(Place place)
    {
    }

    /// <summary>One run at one place.</summary>
    public abstract void Run(Place place, Recorder record);

    public string FolderOf(Place place) => Path.Combine(place.Directory, Name);

    protected string OtherFolderOf(Place place) => Path.Combine(place.OtherDirectory, Name);
}

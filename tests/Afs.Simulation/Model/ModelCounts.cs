namespace Afs.Simulation;

/// <summary>How many answers the model judged: a run without any proves nothing.</summary>
internal sealed class ModelCounts
{
    public int Reads { get; set; }

    public int Stores { get; set; }

    public int Lookups { get; set; }

    public int Statuses { get; set; }

    public int Changes { get; set; }
}

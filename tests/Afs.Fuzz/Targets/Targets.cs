using Afs.Fuzz.Planted;

namespace Afs.Fuzz;

/// <summary>All targets by name.</summary>
internal static class Targets
{
    public static IReadOnlyList<Target> Real { get; } =
    [
        new FrameTarget(),
        new MessageTarget(),
        new PartsTarget(),
        new PatchTarget(),
        new ControlRequestTarget(),
        new ControlReplyTarget(),
        new ByteTextTarget(),
        new AccessListTarget(),
        new FuseTarget(),
        new TakeOverTarget(),
        new VenusRowsTarget(),
        new ViceRowsTarget(),
        new SavedFilesTarget(),
        new ConfigurationTarget(),
        new LinesTarget(),
    ];

    /// <summary>Parsers with planted errors.</summary>
    public static IReadOnlyList<Target> Planted { get; } = [.. Enum.GetValues<PlantedError>().Select(error => new PlantedTarget(error))];

    public static Target? Find(string name) => Real.Concat(Planted).FirstOrDefault(target => target.Name == name);
}

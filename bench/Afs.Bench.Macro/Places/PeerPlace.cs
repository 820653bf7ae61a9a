namespace Afs.Bench.Macro.Places;

/// <summary>A folder in any other mount. The benchmark can't empty its cache, so first reads are not measured there.</summary>
public sealed class PeerPlace(string directory) : Place(PeerName, directory)
{
    public override bool TryEmptyOtherClient() => false;
}

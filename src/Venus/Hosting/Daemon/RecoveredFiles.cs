using System.Text.Json;
using Afs.Venus.Cache;

namespace Afs.Venus.Hosting;

/// <summary>Reads the recovered folder of a cache, for people to see.</summary>
internal static class RecoveredFiles
{
    private const string Folder = "recovered";
    private const string DescriptionExtension = ".json";
    private const int MaxListed = 4096;

    public static IReadOnlyList<RecoveredFile> List(string cacheFolder)
    {
        string folder = Path.Combine(cacheFolder, Folder);
        if (!Directory.Exists(folder))
            return [];
        return [.. Directory.EnumerateFiles(folder, "*" + DescriptionExtension).Order().Take(MaxListed).Select(description => Read(folder, description))];
    }

    private static RecoveredFile Read(string folder, string description)
    {
        try
        {
            RecoveredEntry? entry = JsonSerializer.Deserialize<RecoveredEntry>(File.ReadAllText(description));
            if (entry is not null)
                return new RecoveredFile(Path.Combine(folder, entry.Name), entry.Original, entry.Fid, entry.Reason);
        }
        catch (Exception e) when (e is JsonException or IOException)
        {
            return new RecoveredFile(description, "", "", $"its description can't be read: {e.Message}");
        }

        return new RecoveredFile(description, "", "", "its description is empty");
    }
}

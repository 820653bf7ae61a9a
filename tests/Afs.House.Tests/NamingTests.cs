using System.Text.RegularExpressions;
using Afs.House.Tests.Repository;

namespace Afs.House.Tests;

/// <summary>Names that carry meaning: identifiers of their own type, units last, the field's words.</summary>
public partial class NamingTests
{
    [Fact]
    public void Identifiers_are_value_types_of_their_own() =>
        Rule.IsBrokenNowhere(RepositoryFiles.Sources.SelectMany(file => SourceCode.Find(file, IdThatIsNoRecordStruct())));

    [Fact]
    public void Public_methods_take_identifiers_and_no_bare_numbers() =>
        Rule.IsBrokenNowhere(RepositoryFiles.Sources.Where(file => file.IsIn("src/Vice") || file.IsIn("src/Venus") || file.IsIn("src/Shared/Rpc"))
            .SelectMany(file => SourceCode.Find(file, BareId())));

    [Fact]
    public void Spans_of_time_as_numbers_say_their_unit() =>
        Rule.IsBrokenNowhere(RepositoryFiles.Sources.SelectMany(file => SourceCode.Find(file, TimeWithoutUnit())));

    [Fact]
    public void The_kernels_identifier_is_a_node_id() =>
        Rule.IsBrokenNowhere(RepositoryFiles.Sources.Where(file => file.IsIn("src/Vice") || file.IsIn("src/Shared"))
            .SelectMany(file => SourceCode.Find(file, InodeWord())));

    [GeneratedRegex(@"\b(class|record|(?<!record )struct|enum) (Node|Backing|Request|Client|Session|Call|Volume|Upload|Container|Vnode)Id\b(?<!record struct \w+)")]
    private static partial Regex IdThatIsNoRecordStruct();

    [GeneratedRegex(@"\bpublic [^=;{]*\((?:[^)]*, )?(?:u?int|u?long|Guid) (?:node|backing|client|session|volume|upload|container|vnode)Id\b", RegexOptions.IgnoreCase)]
    private static partial Regex BareId();

    [GeneratedRegex(@"\b(?:int|uint|long|ulong|double)\?? \w*(?:Timeout|Interval|Delay|Duration|Period)\b", RegexOptions.IgnoreCase)]
    private static partial Regex TimeWithoutUnit();

    [GeneratedRegex(@"\b\w*[iI]node\w*\b")]
    private static partial Regex InodeWord();
}

namespace Afs.Mount.Tests.Kit;

internal sealed record CommandResult(int ExitCode, string Output, string Errors);

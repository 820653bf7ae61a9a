using System.CommandLine;
using System.Text;

namespace Afs.Cli;

/// <summary>`afs completion bash`: a script for the shell, made from the commands themselves, so that completing starts no program.</summary>
internal static class CompletionCommand
{
    public static Command Create(RootCommand root)
    {
        var bash = new Command("bash", "Print the script for bash: source <(afs completion bash)");
        bash.SetAction(_ => Console.Write(Bash(root)));
        return new Command("completion", "Print a script that completes this command in a shell.") { bash };
    }

    private static string Bash(RootCommand root)
    {
        var script = new StringBuilder("""
            # Completion of afs(1) for bash.
            _afs() {
              local current=${COMP_WORDS[COMP_CWORD]} names= options='--help'
              if [ "$COMP_CWORD" = 1 ]; then

            """);
        script.AppendLine($"    names='{string.Join(' ', root.Subcommands.Select(static command => command.Name))}' options='--help --version'");
        script.AppendLine("  else");
        script.AppendLine("    case ${COMP_WORDS[1]} in");
        foreach (Command command in root.Subcommands)
            script.AppendLine($"      {command.Name}) names='{Names(command)}' options='{Options(command)}' ;;");
        script.Append("""
                esac
              fi
              case $current in -*) names=$options ;; esac
              COMPREPLY=($(compgen -W "$names" -- "$current"))
            }
            complete -o default -F _afs afs

            """);
        return script.ToString();
    }

    private static string Names(Command command) => string.Join(' ', command.Subcommands.Select(static sub => sub.Name));

    private static string Options(Command command) => string.Join(' ', command.Options
        .SelectMany(static option => option.Aliases.Append(option.Name)).Where(static name => name.StartsWith("--", StringComparison.Ordinal)).Append("--help").Distinct());
}

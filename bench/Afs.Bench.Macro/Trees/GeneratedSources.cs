using System.Globalization;
using System.Text;

namespace Afs.Bench.Macro.Trees;

/// <summary>
/// Writes a program in C of many small files: the same bytes each time. A module has a header and a source of some kilobytes,
/// includes its neighbour, and a Makefile builds all of it into one program.
/// </summary>
public static class GeneratedSources
{
    private const int ModulesPerDirectory = 8;
    private const int FunctionsPerModule = 24;

    public static void Write(string root, int modules)
    {
        for (int module = 0; module < modules; module++)
        {
            Directory.CreateDirectory(Path.Combine(root, DirectoryOf(module)));
            File.WriteAllText(Path.Combine(root, DirectoryOf(module), $"module{module}.h"), Header(module));
            File.WriteAllText(Path.Combine(root, DirectoryOf(module), $"module{module}.c"), Source(module, modules));
        }
        File.WriteAllText(Path.Combine(root, "main.c"), Program(modules));
        File.WriteAllText(Path.Combine(root, "Makefile"), Makefile(modules));
    }

    private static string DirectoryOf(int module) => string.Create(CultureInfo.InvariantCulture, $"part{module / ModulesPerDirectory:D2}");

    private static string Header(int module)
    {
        var text = new StringBuilder($"#ifndef MODULE{module}_H\n#define MODULE{module}_H\n");
        for (int f = 0; f < FunctionsPerModule; f++)
            text.Append(CultureInfo.InvariantCulture, $"unsigned m{module}_f{f}(unsigned value);\n");
        return text.Append("#endif\n").ToString();
    }

    private static string Source(int module, int modules)
    {
        int neighbour = (module + 1) % modules;
        var text = new StringBuilder($"#include <stdio.h>\n#include <string.h>\n#include \"module{module}.h\"\n");
        text.Append(CultureInfo.InvariantCulture, $"#include \"../{DirectoryOf(neighbour)}/module{neighbour}.h\"\n");
        for (int f = 0; f < FunctionsPerModule; f++)
        {
            text.Append(CultureInfo.InvariantCulture, $$"""

                /* Mixes a value; step {{f}} of module {{module}}. */
                unsigned m{{module}}_f{{f}}(unsigned value)
                {
                    unsigned table[8];
                    memset(table, (int)(value & 0xff), sizeof table);
                    for (unsigned i = 0; i < 8; i++)
                        table[i] = (table[i] ^ {{(module * 131) + f}}u) * 2654435761u + i;
                    return value > 1000u ? table[value & 7u] : m{{neighbour}}_f{{f}}(value + 977u) + table[3];
                }

                """);
        }
        return text.ToString();
    }

    private static string Program(int modules)
    {
        var text = new StringBuilder("#include <stdio.h>\n");
        for (int m = 0; m < modules; m++)
            text.Append(CultureInfo.InvariantCulture, $"#include \"{DirectoryOf(m)}/module{m}.h\"\n");
        text.Append("int main(void)\n{\n    unsigned sum = 0;\n");
        for (int m = 0; m < modules; m++)
            text.Append(CultureInfo.InvariantCulture, $"    sum += m{m}_f0({m}u);\n");
        return text.Append("    printf(\"%u\\n\", sum);\n    return 0;\n}\n").ToString();
    }

    private static string Makefile(int modules)
    {
        string objects = string.Join(' ', Enumerable.Range(0, modules).Select(m => $"{DirectoryOf(m)}/module{m}.o"));
        return $"""
            CC = cc
            CFLAGS = -O1 -w
            OBJECTS = main.o {objects}

            program: $(OBJECTS)
            	$(CC) -o $@ $(OBJECTS)

            """;
    }
}

namespace Afs.Venus.Hosting;

/// <summary>TLS 1.3 to the server.</summary>
/// <param name="ServerName">The name that the server's certificate must have; null: the address's host.</param>
/// <param name="AuthorityFile">Certificates in PEM of the only authorities to trust; null: those of the machine.</param>
public sealed record TlsSettings(string? ServerName, string? AuthorityFile);

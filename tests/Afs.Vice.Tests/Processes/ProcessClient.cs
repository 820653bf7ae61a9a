using System.Text;
using Afs.Platform;
using Afs.Rpc;
using Afs.Wire;

namespace Afs.Vice.Tests.Processes;

/// <summary>A client over a real socket, which reconnects by itself and retries what it doesn't know the outcome of.</summary>
public sealed class ProcessClient : IClientSession, IVenusCallbacks, IAsyncDisposable
{
    private readonly RpcClient _rpc;

    public ProcessClient(string endpoint, ulong id)
    {
        _rpc = new RpcClient(new RpcClientOptions
        {
            Transport = new SocketTransport(),
            Server = RpcEndpoint.Parse(endpoint),
            ClientId = new ClientId(11, id),
            Scope = "root",
            Session = this,
            Callbacks = new VenusCallbacksDispatcher(this),
            Time = new BootTimeProvider(),
            Random = new Random((int)id),
        });
        Vice = new ViceServiceClient(_rpc);
        _rpc.Start();
    }

    public ViceServiceClient Vice { get; }

    public async Task<Fid> RootAsync() => (await Vice.GetVolumeAsync(new GetVolumeRequest { Name = "root" }, default)).Value.Root;

    public ValueTask<Outcome<CreateReply>> CreateAsync(Fid parent, string name, FileType type = FileType.Regular) => Vice.CreateAsync(
        new CreateRequest
        {
            Parent = parent,
            Name = Encoding.UTF8.GetBytes(name),
            Type = type,
            Mode = 0x1ED,
            Uid = 0,
            Gid = 0,
            Time = new Timestamp(1_800_000_000, 0),
        },
        default);

    public ValueTask<Outcome<StoreDataReply>> StoreAsync(Fid fid, ulong @base, byte[] content) => Vice.StoreDataAsync(
        new StoreDataRequest
        {
            Fid = fid,
            Base = new DataVersion(@base),
            LengthBytes = content.Length,
            Crc32C = Crc32C.Of(content),
            Content = content,
            AllocatedBytes = content.Length,
            ModifyTime = new Timestamp(1_800_000_000, 0),
            ChangeTime = new Timestamp(1_800_000_000, 0),
        },
        default);

    public ValueTask<Outcome<RenameReply>> RenameAsync(Fid directory, string from, string to) => Vice.RenameAsync(
        new RenameRequest
        {
            FromParent = directory,
            FromName = Encoding.UTF8.GetBytes(from),
            ToParent = directory,
            ToName = Encoding.UTF8.GetBytes(to),
            Mode = RenameMode.NoReplace,
            Time = new Timestamp(1_800_000_000, 0),
        },
        default);

    public async Task<Dictionary<string, Fid>> ListAsync(Fid directory)
    {
        Dictionary<string, Fid> names = [];
        FetchDirectoryReply page;
        byte[]? after = null;
        do
        {
            page = (await Vice.FetchDirectoryAsync(new FetchDirectoryRequest { Directory = directory, After = after, MostEntries = 1000 }, default)).Value;
            foreach (DirectoryEntry entry in page.Entries)
                names.Add(Encoding.UTF8.GetString(entry.Name), entry.Fid);
            after = page.Entries.LastOrDefault()?.Name;
        }
        while (page.HasMore);
        return names;
    }

    public ValueTask<Outcome<BreakPromisesReply>> BreakPromisesAsync(BreakPromisesRequest request, CallContext context) =>
        ValueTask.FromResult(Outcome<BreakPromisesReply>.Reply(new BreakPromisesReply()));

    public ValueTask<Outcome<LocksDecidedReply>> LocksDecidedAsync(LocksDecidedRequest request, CallContext context) =>
        ValueTask.FromResult<Outcome<LocksDecidedReply>>(new LocksDecidedReply());

    public void Replied(Epoch epoch, SessionTrust trust, long sentTimestamp)
    {
    }

    public void Established(SessionId session, bool isNewSession, Epoch epoch, TimeSpan lease, SessionTrust trust)
    {
    }

    public void Disconnected(string reason)
    {
    }

    public ValueTask DisposeAsync() => _rpc.DisposeAsync();
}

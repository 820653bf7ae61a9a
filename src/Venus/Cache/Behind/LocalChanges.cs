using Afs.Rpc;
using Afs.Rules;
using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>
/// One kind of change, in both of its ways: by the rules, here, to be told later; or by a call of its own, now. Stateless, one for each kind.
/// </summary>
internal abstract class LocalChange<TRequest, TReply>
    where TRequest : class
{
    /// <summary>Null: it goes to the server, always. Else it as a batch has it.</summary>
    public abstract BatchOperation? InBatch(TRequest request, CallerNumber caller);

    /// <exception cref="MissingHereException">It can't be decided here.</exception>
    public abstract Outcome<TReply> Run(MutationScope scope, TRequest request);

    public abstract ValueTask<Outcome<TReply>> Call(IViceService vice, TRequest request, CallContext context);

    /// <summary>What the log has to know of it, once it was decided.</summary>
    public abstract Change Describe(Change change, TRequest request, TReply reply);

    /// <summary>Vnodes that it names.</summary>
    public abstract (Fid First, Fid Second) Names(TRequest request);

    /// <summary>All that the reply tells.</summary>
    public abstract IEnumerable<FetchStatus?> StatusesIn(TReply reply);

    /// <summary>It replaces the version that its request names, if that is the current one; and if it isn't, that is told apart. So the number must not be one that was given here and refused.</summary>
    public virtual bool GoesByVersion => false;

    /// <summary>A vnode that may be gone by it; default: none.</summary>
    public virtual Fid RemovedBy(TReply reply) => default;
}

/// <summary>All kinds.</summary>
internal static class LocalChanges
{
    public static readonly LocalChange<CreateRequest, CreateReply> Create = new Creating();
    public static readonly LocalChange<RemoveRequest, RemoveReply> Remove = new Removing();
    public static readonly LocalChange<RenameRequest, RenameReply> Rename = new Renaming();
    public static readonly LocalChange<LinkRequest, LinkReply> Link = new Linking();
    public static readonly LocalChange<StoreDataRequest, StoreDataReply> StoreData = new Storing();
    public static readonly LocalChange<StoreStatusRequest, StoreStatusReply> StoreStatus = new SettingStatus();
    public static readonly LocalChange<StoreXattrRequest, StoreXattrReply> StoreXattr = new SettingXattr();

    private sealed class Creating : LocalChange<CreateRequest, CreateReply>
    {
        /// <summary>What has no name is its session's at the server.</summary>
        public override BatchOperation? InBatch(CreateRequest request, CallerNumber caller) => request.Name is null ? null : new() { Caller = caller, Create = request };

        public override Outcome<CreateReply> Run(MutationScope scope, CreateRequest request) => CreateObject.Run(scope, request);

        public override ValueTask<Outcome<CreateReply>> Call(IViceService vice, CreateRequest request, CallContext context) => vice.CreateAsync(request, context);

        public override Change Describe(Change change, CreateRequest request, CreateReply reply) =>
            change with { Kind = ChangeKind.Create, Object = reply.Status.Fid, Parent = request.Parent, Name = request.Name };

        public override (Fid, Fid) Names(CreateRequest request) => (request.Parent, default);

        public override IEnumerable<FetchStatus?> StatusesIn(CreateReply reply) => [reply.Status, reply.Parent];
    }

    private sealed class Removing : LocalChange<RemoveRequest, RemoveReply>
    {
        public override BatchOperation? InBatch(RemoveRequest request, CallerNumber caller) => new() { Caller = caller, Remove = request };

        public override Outcome<RemoveReply> Run(MutationScope scope, RemoveRequest request) => RemoveName.Run(scope, request);

        public override ValueTask<Outcome<RemoveReply>> Call(IViceService vice, RemoveRequest request, CallContext context) => vice.RemoveAsync(request, context);

        public override Change Describe(Change change, RemoveRequest request, RemoveReply reply) =>
            change with { Kind = request.IsDirectory ? ChangeKind.RemoveDirectory : ChangeKind.Remove, Object = reply.Removed, Parent = request.Parent, Name = request.Name };

        public override (Fid, Fid) Names(RemoveRequest request) => (request.Parent, request.Expected);

        public override IEnumerable<FetchStatus?> StatusesIn(RemoveReply reply) => [reply.Parent, reply.Remaining];

        public override Fid RemovedBy(RemoveReply reply) => reply.Remaining is null ? reply.Removed : default;
    }

    private sealed class Renaming : LocalChange<RenameRequest, RenameReply>, IAncestry
    {
        public override BatchOperation? InBatch(RenameRequest request, CallerNumber caller) => new() { Caller = caller, Rename = request };

        public override Outcome<RenameReply> Run(MutationScope scope, RenameRequest request) => RenameName.Run(scope, request, this);

        public override ValueTask<Outcome<RenameReply>> Call(IViceService vice, RenameRequest request, CallContext context) => vice.RenameAsync(request, context);

        public override Change Describe(Change change, RenameRequest request, RenameReply reply) => change with
        {
            Kind = request.Mode == RenameMode.Exchange ? ChangeKind.Exchange : ChangeKind.Rename,
            Object = reply.Moved.Fid,
            Parent = request.FromParent,
            Name = request.FromName,
            NewParent = request.ToParent,
            NewName = request.ToName,
            Other = request.Mode == RenameMode.Exchange ? reply.Other?.Fid ?? default : reply.Replaced,
        };

        public override (Fid, Fid) Names(RenameRequest request) => (request.FromParent, request.ToParent);

        public override IEnumerable<FetchStatus?> StatusesIn(RenameReply reply) => [reply.FromParent, reply.ToParent, reply.Moved, reply.Other];

        public override Fid RemovedBy(RenameReply reply) => reply.Other is null ? reply.Replaced : default;

        /// <summary>A directory goes into another: what is above that, up to the root, only the server knows for certain.</summary>
        bool IAncestry.Includes(Fid directory, Fid candidate) => throw new MissingHereException(MissingHere.Knowledge, candidate);

        void IAncestry.Moves(Fid directory)
        {
        }
    }

    private sealed class Linking : LocalChange<LinkRequest, LinkReply>
    {
        public override BatchOperation? InBatch(LinkRequest request, CallerNumber caller) => new() { Caller = caller, Link = request };

        public override Outcome<LinkReply> Run(MutationScope scope, LinkRequest request) => scope.Find(request.Fid) is { LinkCount: 0 }
            ? throw new MissingHereException(MissingHere.Knowledge, request.Fid) // What has no name is its session's at the server.
            : LinkName.Run(scope, request);

        public override ValueTask<Outcome<LinkReply>> Call(IViceService vice, LinkRequest request, CallContext context) => vice.LinkAsync(request, context);

        public override Change Describe(Change change, LinkRequest request, LinkReply reply) =>
            change with { Kind = ChangeKind.Link, Object = request.Fid, Parent = request.Parent, Name = request.Name };

        public override (Fid, Fid) Names(LinkRequest request) => (request.Fid, request.Parent);

        public override IEnumerable<FetchStatus?> StatusesIn(LinkReply reply) => [reply.Status, reply.Parent];
    }

    private sealed class Storing : LocalChange<StoreDataRequest, StoreDataReply>
    {
        public override bool GoesByVersion => true;

        /// <summary>Content that was uploaded, or goes in parts, is the server's to put together.</summary>
        public override BatchOperation? InBatch(StoreDataRequest request, CallerNumber caller) =>
            request.Parts is null && (request.Content is not null || request.LengthBytes == 0) ? new() { Caller = caller, StoreData = request } : null;

        public override Outcome<StoreDataReply> Run(MutationScope scope, StoreDataRequest request) => StoreLocally.Run(scope, request);

        public override ValueTask<Outcome<StoreDataReply>> Call(IViceService vice, StoreDataRequest request, CallContext context) => vice.StoreDataAsync(request, context);

        public override Change Describe(Change change, StoreDataRequest request, StoreDataReply reply) => change with { Kind = ChangeKind.StoreContent, Object = request.Fid };

        public override (Fid, Fid) Names(StoreDataRequest request) => (request.Fid, default);

        public override IEnumerable<FetchStatus?> StatusesIn(StoreDataReply reply) => [reply.Status];
    }

    private sealed class SettingStatus : LocalChange<StoreStatusRequest, StoreStatusReply>
    {
        public override BatchOperation? InBatch(StoreStatusRequest request, CallerNumber caller) => new() { Caller = caller, StoreStatus = request };

        public override Outcome<StoreStatusReply> Run(MutationScope scope, StoreStatusRequest request) => Rules.StoreStatus.Run(scope, request);

        public override ValueTask<Outcome<StoreStatusReply>> Call(IViceService vice, StoreStatusRequest request, CallContext context) => vice.StoreStatusAsync(request, context);

        public override Change Describe(Change change, StoreStatusRequest request, StoreStatusReply reply) =>
            change with { Kind = ChangeKind.StoreStatus, Object = request.Fid, Fields = request.Fields };

        public override (Fid, Fid) Names(StoreStatusRequest request) => (request.Fid, default);

        public override IEnumerable<FetchStatus?> StatusesIn(StoreStatusReply reply) => [reply.Status];
    }

    private sealed class SettingXattr : LocalChange<StoreXattrRequest, StoreXattrReply>
    {
        public override BatchOperation? InBatch(StoreXattrRequest request, CallerNumber caller) => new() { Caller = caller, StoreXattr = request };

        public override Outcome<StoreXattrReply> Run(MutationScope scope, StoreXattrRequest request) => Rules.StoreXattr.Run(scope, request);

        public override ValueTask<Outcome<StoreXattrReply>> Call(IViceService vice, StoreXattrRequest request, CallContext context) => vice.StoreXattrAsync(request, context);

        public override Change Describe(Change change, StoreXattrRequest request, StoreXattrReply reply) =>
            change with { Kind = ChangeKind.StoreXattr, Object = request.Fid, Name = request.Name };

        public override (Fid, Fid) Names(StoreXattrRequest request) => (request.Fid, default);

        public override IEnumerable<FetchStatus?> StatusesIn(StoreXattrReply reply) => [reply.Status];
    }
}

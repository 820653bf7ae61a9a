using System.Reflection;
using System.Runtime.ExceptionServices;
using Afs.Vice.Volumes.Metadata;
using Afs.Wire;

namespace Afs.Simulation;

/// <summary>Planted: what the server writes of a vnode isn't what it decided and told.</summary>
/// <param name="alter">Gets the vnode as it is (null: there is none), the one that was written before it by whomever (null: none), and the one to write; gives what is written.</param>
internal sealed class AlteredVnodes(IMetadataStore store, Func<FetchStatus?, FetchStatus?, FetchStatus, FetchStatus> alter) : IMetadataStore
{
    private FetchStatus? _last;

    public IMetadataView OpenView() => store.OpenView();

    public IMetadataTransaction BeginTransaction() => AlteringTransaction.Wrap(store.BeginTransaction(), Alter);

    public void Maintain() => store.Maintain();

    public void Dispose() => store.Dispose();

    /// <summary>A chmod of a file is acknowledged and not kept.</summary>
    public static FetchStatus LoseMode(FetchStatus? before, FetchStatus? other, FetchStatus status) =>
        before is not null && status.Type == FileType.Regular && status.DataVersion == before.DataVersion ? status with { Mode = before.Mode } : status;

    /// <summary>A modification time is that of the change before.</summary>
    public static FetchStatus ConfuseTimes(FetchStatus? before, FetchStatus? other, FetchStatus status) =>
        before is not null && other is not null && other.Fid != status.Fid && status.ModifyTime != before.ModifyTime ? status with { ModifyTime = other.ModifyTime } : status;

    private FetchStatus Alter(FetchStatus? before, FetchStatus status)
    {
        FetchStatus altered = alter(before, _last, status);
        _last = status;
        return altered;
    }

    public class AlteringTransaction : DispatchProxy
    {
        private IMetadataTransaction _inner = null!;
        private Func<FetchStatus?, FetchStatus, FetchStatus> _alter = null!;

        public static IMetadataTransaction Wrap(IMetadataTransaction inner, Func<FetchStatus?, FetchStatus, FetchStatus> alter)
        {
            IMetadataTransaction proxy = Create<IMetadataTransaction, AlteringTransaction>();
            ((AlteringTransaction)proxy)._inner = inner;
            ((AlteringTransaction)proxy)._alter = alter;
            return proxy;
        }

        protected override object? Invoke(MethodInfo? method, object?[]? arguments)
        {
            if (method!.Name == nameof(IMetadataTransaction.PutVnode) && arguments?[0] is FetchStatus status)
                arguments[0] = _alter(_inner.FindVnode(status.Fid.Volume, status.Fid.Vnode), status);
            try
            {
                return method.Invoke(_inner, arguments);
            }
            catch (TargetInvocationException e)
            {
                ExceptionDispatchInfo.Throw(e.InnerException!);
                throw;
            }
        }
    }
}

using System.Reflection;
using System.Runtime.ExceptionServices;
using Afs.Vice.Volumes.Metadata;

namespace Afs.Vice.Tests.Harness;

/// <summary>Passes everything on to a metadata store, and lets a test wait or fail at each step of its transactions.</summary>
public sealed class HookedStore(IMetadataStore inner) : IMetadataStore
{
    /// <summary>Called before each transaction begins: what was taken into it is settled by then.</summary>
    public Action? BeforeTransaction { get; set; }

    /// <summary>Called after each call of a transaction, its commit before it: with the transaction, the method's name and what it was given.</summary>
    public Action<IMetadataTransaction, string, object?[]>? OnCall { get; set; }

    /// <summary>Called before each view is opened, on the thread that reads.</summary>
    public Action? BeforeView { get; set; }

    public IMetadataView OpenView()
    {
        BeforeView?.Invoke();
        return inner.OpenView();
    }

    public IMetadataTransaction BeginTransaction()
    {
        BeforeTransaction?.Invoke();
        return HookedTransaction.Wrap(inner.BeginTransaction(), this);
    }

    public void Maintain() => inner.Maintain();

    public void Dispose() => inner.Dispose();

    public class HookedTransaction : DispatchProxy
    {
        private IMetadataTransaction _inner = null!;
        private HookedStore _store = null!;

        public static IMetadataTransaction Wrap(IMetadataTransaction inner, HookedStore store)
        {
            IMetadataTransaction proxy = Create<IMetadataTransaction, HookedTransaction>();
            ((HookedTransaction)proxy)._inner = inner;
            ((HookedTransaction)proxy)._store = store;
            return proxy;
        }

        protected override object? Invoke(MethodInfo? method, object?[]? arguments)
        {
            bool isCommit = method!.Name == nameof(IMetadataTransaction.Commit);
            if (isCommit)
                _store.OnCall?.Invoke(_inner, method.Name, arguments ?? []);
            try
            {
                object? value = method.Invoke(_inner, arguments);
                if (!isCommit)
                    _store.OnCall?.Invoke(_inner, method.Name, arguments ?? []);
                return value;
            }
            catch (TargetInvocationException e)
            {
                ExceptionDispatchInfo.Throw(e.InnerException!);
                throw;
            }
        }
    }
}

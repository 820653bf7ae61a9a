namespace Afs.Rpc;

/// <summary>What the handling of a frame leaves.</summary>
/// <param name="Sent">The reader waits for it before it reads on: the room in the send queue.</param>
/// <param name="Work">Runs beside the reader; null: nothing.</param>
internal readonly record struct FrameHandled(ValueTask Sent, IThreadPoolWorkItem? Work = null);

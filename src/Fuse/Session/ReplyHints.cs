namespace Afs.Fuse.Session;

/// <summary>What the reply has to know of the request: the caller's room, the place in a directory, the open it may have to undo.</summary>
internal readonly record struct ReplyHints(int RoomBytes = 0, ulong Offset = 0, FileHandle Handle = default, bool IsPlus = false, int OpenFlags = 0);

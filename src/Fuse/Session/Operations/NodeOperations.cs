using Afs.Fuse.Protocol;

namespace Afs.Fuse.Session;

/// <summary>Operations on a node itself, whatever it is.</summary>
internal static class NodeOperations
{
    public static bool GetAttributes(Responder responder, RequestSlot slot)
    {
        Errno error = GetAttributesRequest.Parse(slot.Body, out GetAttributesRequest request);
        return error != Errno.None
            ? responder.RefuseMalformed(slot, error)
            : responder.Answer<FuseResult<AttributesReply>, AttributesShape>(
                slot, responder.FileSystem.GetAttributes(slot.Caller, slot.Node, request.Handle));
    }

    public static bool Statx(Responder responder, RequestSlot slot)
    {
        Errno error = GetAttributesRequest.ParseStatx(slot.Body, out GetAttributesRequest request);
        return error != Errno.None
            ? responder.RefuseMalformed(slot, error)
            : responder.Answer<FuseResult<AttributesReply>, StatxShape>(
                slot, responder.FileSystem.GetAttributes(slot.Caller, slot.Node, request.Handle));
    }

    public static bool SetAttributes(Responder responder, RequestSlot slot)
    {
        Errno error = SetAttributesParser.Parse(slot.Body, out SetAttributesRequest request);
        return error != Errno.None
            ? responder.RefuseMalformed(slot, error)
            : responder.Answer<FuseResult<AttributesReply>, AttributesShape>(
                slot, responder.FileSystem.SetAttributes(slot.Caller, slot.Node, request));
    }

    public static bool ReadLink(Responder responder, RequestSlot slot) =>
        responder.Answer<FuseResult<ReadOnlyMemory<byte>>, ReadLinkShape>(slot, responder.FileSystem.ReadLink(slot.Caller, slot.Node));

    public static bool Access(Responder responder, RequestSlot slot)
    {
        Errno error = AccessRequest.Parse(slot.Body, out AccessRequest request);
        return error != Errno.None
            ? responder.RefuseMalformed(slot, error)
            : responder.Answer<Errno, StatusShape>(slot, responder.FileSystem.Access(slot.Caller, slot.Node, request.Mask));
    }

    public static bool StatFs(Responder responder, RequestSlot slot) =>
        responder.Answer<FuseResult<StatFsReply>, StatFsShape>(slot, responder.FileSystem.StatFs(slot.Caller, slot.Node));
}

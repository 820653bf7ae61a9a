using Afs.Venus.Cache;

namespace Afs.Venus.Hosting;

/// <summary>Does what is asked on the control socket.</summary>
internal interface IControlHandler
{
    /// <summary>Sends at least one reply. The request is of the right form, and its content is not checked yet.</summary>
    /// <param name="ending">The daemon ends.</param>
    Task AnswerAsync(ControlRequest request, Requester asker, ControlAnswer answer, CancellationToken ending);
}

import Foundation
import NIOCore
import Synchronization

/// One connection through the proxy: its two channels, and what is decided about them.
final class FaultProxyLink: Sendable {
    /// How long a server may take to close a connection that was cut.
    private static let drainLimit = TimeAmount.seconds(5)

    let client: any Channel
    let server: any Channel
    let flow = Mutex(FaultProxyFlow())

    init(client: any Channel, server: any Channel) {
        self.client = client
        self.server = server
    }

    /// Closes the client's side now. The server's side is closed by the proxy's tasks, once the server has read all it
    /// was sent and closed its own; here only the time for that is bounded.
    func cutClient() {
        client.close(promise: nil)
        let server = self.server
        let deadline = server.eventLoop.scheduleTask(in: Self.drainLimit) { server.close(promise: nil) }
        server.closeFuture.whenComplete { _ in deadline.cancel() }
    }

    /// Closes both sides.
    func close() {
        client.close(promise: nil)
        server.close(promise: nil)
    }

    /// Resets both sides: no goodbye, and what was not yet delivered is lost.
    func reset() {
        flow.withLock { $0.cut() }
        Self.reset(client)
        Self.reset(server)
    }

    /// Ends one direction, as a peer does that has nothing more to say.
    func halfClose(_ direction: FaultProxy.Direction) {
        let channel = direction == .toServer ? server : client
        channel.close(mode: .output, promise: nil)
    }

    static func reset(_ channel: any Channel) {
        let lingering = linger(l_onoff: 1, l_linger: 0)
        let set = (channel as? any SocketOptionProvider)?.setSoLinger(lingering)
        // Without the option it is an ordinary close, which is still a close.
        if let set { set.whenComplete { _ in channel.close(promise: nil) } } else { channel.close(promise: nil) }
    }
}

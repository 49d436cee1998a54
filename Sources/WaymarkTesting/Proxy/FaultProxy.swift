import NIOCore
import NIOPosix
import Synchronization

/// A TCP proxy on the loopback interface that does to a connection what networks do: delay it, cut it in the middle of
/// a message, lose exactly the answer that mattered.
///
/// ```swift
/// let proxy = try await FaultProxy.start(upstream: .unix(socketPath))
/// proxy.cutAfter(pattern: "COMMIT", times: 1, forward: true)
/// // The next COMMIT through `proxy.port` happens; its sender sees a broken connection.
/// await proxy.waitForCut(count: 1)
/// ```
///
/// Back-pressure is passed on: what one side does not read, the other cannot send without end. So is a half-closed
/// connection.
public final class FaultProxy: Sendable {
    /// Where the proxied server listens.
    public enum Upstream: Sendable {
        /// A unix socket, by its file's path.
        case unix(String)
        /// A host's name or address, and its port.
        case tcp(host: String, port: Int)
    }

    /// Which way bytes flow.
    public enum Direction: Sendable, Hashable, CaseIterable {
        case toServer, toClient
    }

    /// The address the proxy listens on.
    public let host = "127.0.0.1"
    /// The port the proxy listens on, chosen by the system.
    public let port: Int

    /// What is read from a client at once. NIO's own choice starts small, and would cut a client's writes into pieces.
    private static let pieceLimitBytes = 65_536

    let upstream: Upstream
    let state: Mutex<State>
    let arrivals: Arrivals
    let inspector: (@Sendable () -> any ConnectionInspector)?
    private let listener: Listener
    private let runner: Mutex<Task<Void, Never>?>

    typealias Connected = NIOAsyncChannel<ByteBuffer, ByteBuffer>
    typealias Listener = NIOAsyncChannel<Connected, Never>

    private init(
        listener: Listener, arrivals: Arrivals, upstream: Upstream, seed: UInt64,
        inspector: (@Sendable () -> any ConnectionInspector)?
    ) {
        self.inspector = inspector
        self.arrivals = arrivals
        port = listener.channel.localAddress?.port ?? 0
        self.listener = listener
        self.upstream = upstream
        state = Mutex(State(seed: seed))
        runner = Mutex(nil)
    }

    /// Starts a proxy in front of `upstream`, which is connected to anew for each connection to the proxy.
    ///
    /// - Parameters:
    ///   - upstream: Where the server listens. It need not run yet.
    ///   - seed: Where the jitter of the latency comes from.
    /// - Throws: The system's error when no port can be had.
    public static func start(upstream: Upstream, seed: UInt64 = 0) async throws -> FaultProxy {
        try await start(upstream: upstream, seed: seed, inspector: nil)
    }

    /// - Parameter inspector: makes what reads each connection.
    package static func start(
        upstream: Upstream, seed: UInt64 = 0, inspector: (@Sendable () -> any ConnectionInspector)?
    ) async throws -> FaultProxy {
        let arrivals = Arrivals()
        let listener: Listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.backlog, value: 256)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: pieceLimitBytes))
            .bind(host: "127.0.0.1", port: 0) { channel in
                channel.eventLoop.makeCompletedFuture { try arrivals.wrap(channel) }
            }
        let proxy = FaultProxy(
            listener: listener, arrivals: arrivals, upstream: upstream, seed: seed, inspector: inspector)
        // The proxy's one task: it holds every connection's, and `stop` ends it.
        proxy.runner.withLock { $0 = Task { await proxy.run(listener) } }
        return proxy
    }

    /// Closes every connection and the port, and returns when both are done. May be called more than once.
    public func stop() async {
        let task = runner.withLock { $0 }
        task?.cancel()
        for link in state.withLock({ $0.links.values }) { link.close() }
        await task?.value
        await arrivals.close()
    }

    /// Takes connections until the task is cancelled or the port is closed.
    private func run(_ listener: Listener) async {
        // Accepting fails only with the listener itself, and then there is nothing left to do here.
        try? await listener.executeThenClose { connections in
            try await withThrowingDiscardingTaskGroup { group in
                for try await client in connections {
                    group.addTask { await self.serve(client) }
                }
                group.cancelAll()
            }
        }
    }

    static func wrap(_ channel: any Channel) throws -> Connected {
        try Connected(wrappingChannelSynchronously: channel, configuration: .init(isOutboundHalfClosureEnabled: true))
    }
}

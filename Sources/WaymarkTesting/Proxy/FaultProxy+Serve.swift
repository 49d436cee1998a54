import NIOCore
import NIOPosix
import Synchronization

extension FaultProxy {
    /// Resets every open connection (RST): what was under way in either direction is lost.
    ///
    /// - Returns: How many there were.
    @discardableResult
    public func resetAll() -> Int {
        let links = state.withLock { $0.links.values }
        for link in links { link.reset() }
        return links.count
    }

    /// Ends one direction of every open connection, as a peer does that has nothing more to say. The other direction
    /// goes on.
    public func halfCloseAll(_ direction: Direction) {
        for link in state.withLock({ $0.links.values }) { link.halfClose(direction) }
    }

    /// Carries one connection, to its end.
    func serve(_ client: Connected) async {
        arrivals.leave(client)
        let refuses = state.withLock { state in
            state.counters.connections += 1
            return state.rules.refusesConnections || state.isSevered
        }
        guard !refuses, let server = try? await connect() else {
            state.withLock { $0.counters.refused += 1 }
            // Taken into scope and left by an error, for a channel must not be dropped unclosed.
            try? await client.executeThenClose { _, _ in FaultProxyLink.reset(client.channel) }
            return
        }
        let link = FaultProxyLink(client: client.channel, server: server.channel)
        let id = state.withLock { state in
            let id = state.nextID()
            state.links[id] = link
            state.counters.open += 1
            return id
        }
        // However the two ends broke off, the connection is over, and its peers have been told by the close.
        try? await client.executeThenClose { fromClient, _ in
            try await server.executeThenClose { fromServer, _ in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    let inspector = self.inspector?()
                    group.addTask { try await self.carry(fromClient, to: link.server, .toServer, link, inspector) }
                    group.addTask { try await self.carry(fromServer, to: link.client, .toClient, link, inspector) }
                    try await group.waitForAll()
                }
            }
        }
        state.withLock { state in
            state.links[id] = nil
            state.counters.open -= 1
        }
        if link.flow.withLock({ $0.isCut }) { countCut() }
    }

    /// Carries one direction until its source ends or the connection is cut, then ends the target's input.
    ///
    /// Each piece is waited for until the system has taken it: that is the back-pressure, and it is why nothing is lost
    /// when a channel is closed, which drops what is still in its buffers.
    private func carry(
        _ source: NIOAsyncChannelInboundStream<ByteBuffer>,
        to target: any Channel,
        _ direction: Direction,
        _ link: FaultProxyLink,
        _ inspector: (any ConnectionInspector)?
    ) async throws {
        let isCut = { link.flow.withLock { $0.isCut } && !Task.isCancelled }
        do {
            for try await piece in source {
                do {
                    if let inspector {
                        try await inspector.carry(piece, direction) { part in
                            try await handle(part, target, direction, link)
                        }
                    } else {
                        try await handle(piece, target, direction, link)
                    }
                } catch {
                    // The client of a connection that we cut takes nothing any more; its server is read to the end.
                    guard isCut() else { throw error }
                }
            }
        } catch {
            guard isCut() else {
                // A write under way the other way notices no cancellation, only a close.
                link.close()
                throw error
            }
        }
        if Task.isCancelled { link.close() }
        try? await target.close(mode: .output).get()
    }

    private func handle(
        _ piece: ByteBuffer,
        _ target: any Channel,
        _ direction: Direction,
        _ link: FaultProxyLink
    ) async throws {
        let (delay, action, others) = state.withLock { state in
            let wasSevered = state.isSevered
            let action = link.flow.withLock { $0.receive(piece, direction, state: &state) }
            let others = state.isSevered && !wasSevered ? state.links.values.filter { $0 !== link } : []
            return (state.delay(direction), action, others)
        }
        for other in others { other.close() }
        if delay > .zero { try await Task.sleep(for: delay) }
        switch action {
        case .discard:
            break
        case .forward(let bytes):
            try await target.writeAndFlush(bytes).get()
        case .forwardThenCut(let bytes):
            if bytes.readableBytes > 0 { try await target.writeAndFlush(bytes).get() }
            link.cutClient()
        }
    }

    private func connect() async throws -> Connected {
        let bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .connectTimeout(.seconds(5))
        let wrap = { @Sendable (channel: any Channel) in
            channel.eventLoop.makeCompletedFuture { try Self.wrap(channel) }
        }
        switch upstream {
        case .unix(let path):
            return try await bootstrap.connect(unixDomainSocketPath: path, channelInitializer: wrap)
        case .tcp(let host, let port):
            return try await bootstrap.connect(host: host, port: port, channelInitializer: wrap)
        }
    }
}

import NIOCore
import Synchronization

extension ProcessGate {
    /// Has everything that a connection to PostgreSQL carries arrive here.
    func tap(rewriting rewrite: @escaping @Sendable (String) -> String = { $0 }) -> PostgresTap {
        PostgresTap(rewrite: rewrite) { passage, tap in
            let order: Order
            switch passage {
            case .statement(let text):
                order = try await self.arrive(.statement, text, serverProcessID: tap.serverProcessID)
            case .answer(let text): order = try await self.arrive(.answer, text)
            }
            switch order {
            case .fail(let sqlState): return .fail(sqlState)
            case .cut: return .cut
            case .pass, .loseAnswer: return .pass
            }
        }
    }

    /// For a real process: what it sends to PostgreSQL, and what it is answered, arrives here.
    package func startPostgresTap(_ upstream: FaultProxy.Upstream) async throws -> FaultProxy {
        try await FaultProxy.start(upstream: upstream) { self.tap() }
    }

    /// For a real process: each request to a foreign system arrives here, and each answer.
    package func startForeignTap(_ upstream: FaultProxy.Upstream) async throws -> FaultProxy {
        try await FaultProxy.start(upstream: upstream) { ForeignTap(gate: self) }
    }
}

/// Watches one connection to a foreign system, on which a request is answered before the next is sent, as with HTTP.
final class ForeignTap: ConnectionInspector {
    private let gate: ProcessGate
    /// Which way the last piece went. What follows it the same way belongs to the same message: a request's body may be read
    /// with its head, or after it.
    private let last = Mutex<FaultProxy.Direction?>(nil)

    init(gate: ProcessGate) { self.gate = gate }

    func carry(
        _ piece: ByteBuffer, _ direction: FaultProxy.Direction, forward: (ByteBuffer) async throws -> Void
    ) async throws {
        let isBeginning = last.withLock { last in
            defer { last = direction }
            return last != direction
        }
        if isBeginning { try await arrive(String(buffer: piece), direction) }
        try await forward(piece)
    }

    private func arrive(_ message: String, _ direction: FaultProxy.Direction) async throws {
        let line = String(message.prefix { $0 != "\r\n" && $0 != "\n" })
        switch direction {
        case .toServer: _ = try await gate.arrive(.call, line)
        case .toClient:
            if try await gate.arrive(.effect, line) == .loseAnswer { throw PostgresTap.Cut() }
        }
    }
}

import NIOCore

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

/// Watches one connection to a foreign system, which has requests of one piece and answers of one piece, as small HTTP
/// messages commonly are.
private struct ForeignTap: ConnectionInspector {
    let gate: ProcessGate

    func carry(
        _ piece: ByteBuffer, _ direction: FaultProxy.Direction, forward: (ByteBuffer) async throws -> Void
    ) async throws {
        let line = String(buffer: piece).prefix { $0 != "\r\n" && $0 != "\n" }
        switch direction {
        case .toServer: _ = try await gate.arrive(.call, String(line))
        case .toClient:
            if try await gate.arrive(.effect, String(line)) == .loseAnswer { throw PostgresTap.Cut() }
        }
        try await forward(piece)
    }
}

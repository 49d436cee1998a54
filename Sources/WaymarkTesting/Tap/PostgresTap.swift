import NIOCore
import Synchronization

/// Watches one connection between a process and PostgreSQL: says what is about to be sent, statement by statement, and
/// when an answer is about to arrive, and does what it is told then.
final class PostgresTap: ConnectionInspector {
    /// What the connection is about to carry.
    enum Passage: Sendable, Equatable {
        /// A statement goes to the server.
        case statement(String)
        /// The answer to what was sent last goes to the process; with the last statement.
        case answer(to: String)
    }

    /// What to do with a passage.
    enum Order: Sendable, Equatable {
        case pass
        /// Instead of the statement, the server fails with this SQLSTATE.
        case fail(String)
        /// The connection breaks.
        case cut
    }

    struct Cut: Error {}

    /// The function that fails as it is told, in the tapped database.
    static let failing = "waymark_matrix.fail"

    fileprivate struct State {
        var messages = PostgresMessages()
        var answers = PostgresMessages.Answers()
        /// The statements prepared on the connection, by their names.
        var prepared: [String: String] = [:]
        /// The messages of the statement that is being read.
        var group: [PostgresMessages.Message] = []
        var current = ""
        /// The last statement of those whose answer has not begun to arrive.
        var unanswered: String?
    }

    private let state = Mutex(State())
    private let rewrite: @Sendable (String) -> String
    private let decide: @Sendable (Passage, PostgresTap) async throws -> Order

    /// - Parameters:
    ///   - rewrite: what is sent in place of a statement's text.
    ///   - decide: is asked at each passage, and may take its time: the passage waits.
    init(
        rewrite: @escaping @Sendable (String) -> String = { $0 },
        decide: @escaping @Sendable (Passage, PostgresTap) async throws -> Order
    ) {
        self.rewrite = rewrite
        self.decide = decide
    }

    /// The server process behind the connection, once it has introduced itself.
    var serverProcessID: Int? { state.withLock { $0.answers.serverProcessID } }

    func carry(
        _ piece: ByteBuffer, _ direction: FaultProxy.Direction, forward: (ByteBuffer) async throws -> Void
    ) async throws {
        switch direction {
        case .toClient:
            let unanswered = state.withLock { state in
                state.answers.read(piece)
                defer { state.unanswered = nil }
                return state.unanswered
            }
            if let unanswered, try await decide(.answer(to: unanswered), self) == .cut { throw Cut() }
            try await forward(piece)
        case .toServer:
            state.withLock { $0.messages.append(piece) }
            while let message = state.withLock({ $0.messages.next() }) {
                for part in try await pass(message) { try await forward(part) }
            }
        }
    }

    /// What goes on for a message: nothing while a statement is not whole, and then all of it.
    private func pass(_ message: PostgresMessages.Message) async throws -> [ByteBuffer] {
        switch message.type {
        case "P", "B", "D":
            state.withLock { $0.collect(message, rewrite) }
            return []
        case "E":
            let (statement, group) = state.withLock { $0.takeStatement(message) }
            switch try await decide(.statement(statement), self) {
            case .pass: return group.map(\.bytes)
            case .cut: throw Cut()
            case .fail(let sqlState):
                // What the statement prepares is prepared, so that only the statement itself failed.
                return group.filter { $0.type == "P" }.map(\.bytes) + Self.failure(sqlState)
            }
        case "Q":
            let statement = message.text
            let order = try await decide(.statement(statement), self)
            if order == .cut { throw Cut() }
            state.withLock { $0.unanswered = statement }
            guard case .fail(let sqlState) = order else { return [message.bytes] }
            return [PostgresMessages.message("Q") { $0.writeNullTerminatedString(Self.failure(of: sqlState)) }]
        case "S":
            // Marked before it is sent: the answer may be there at once.
            return state.withLock { state in
                defer { state.group = [] }
                state.unanswered = state.current
                return (state.group + [message]).map(\.bytes)
            }
        case "H", "C":
            // What was said before must not be overtaken.
            return state.withLock { state in
                defer { state.group = [] }
                return (state.group + [message]).map(\.bytes)
            }
        default:
            return [message.bytes]
        }
    }

    /// An unnamed statement that fails.
    private static func failure(_ sqlState: String) -> [ByteBuffer] {
        [
            PostgresMessages.message("P") { message in
                message.writeNullTerminatedString("")
                message.writeNullTerminatedString(failure(of: sqlState))
                message.writeInteger(UInt16(0))
            },
            PostgresMessages.message("B") { message in
                message.writeNullTerminatedString("")
                message.writeNullTerminatedString("")
                for _ in 0..<3 { message.writeInteger(UInt16(0)) }
            },
            PostgresMessages.message("E") { message in
                message.writeNullTerminatedString("")
                message.writeInteger(UInt32(0))
            },
        ]
    }

    private static func failure(of sqlState: String) -> String { "SELECT \(failing)('\(sqlState)')" }
}

extension PostgresTap.State {
    /// Keeps a part of a statement until its end is there.
    mutating func collect(_ message: PostgresMessages.Message, _ rewrite: (String) -> String) {
        var message = message
        switch message.type {
        case "P":
            let (name, text) = message.texts
            prepared[name] = text
            current = text
            let other = rewrite(text)
            if other != text { message = message.replacingStatement(with: other) }
        case "B":
            current = prepared[message.texts.1] ?? current
        default: break
        }
        group.append(message)
    }

    mutating func takeStatement(_ last: PostgresMessages.Message) -> (String, [PostgresMessages.Message]) {
        defer { group = [] }
        return (current, group + [last])
    }
}

extension PostgresMessages.Message {
    /// The payload's first text.
    fileprivate var text: String {
        var payload = payload
        return payload.readNullTerminatedString() ?? ""
    }

    /// The payload's first two texts: a statement's name and itself, or a portal's and a statement's name.
    fileprivate var texts: (String, String) {
        var payload = payload
        return (payload.readNullTerminatedString() ?? "", payload.readNullTerminatedString() ?? "")
    }

    fileprivate func replacingStatement(with text: String) -> Self {
        var payload = payload
        let name = payload.readNullTerminatedString() ?? ""
        _ = payload.readNullTerminatedString()
        let bytes = PostgresMessages.message("P") { message in
            message.writeNullTerminatedString(name)
            message.writeNullTerminatedString(text)
            message.writeBuffer(&payload)
        }
        return Self(type: type, bytes: bytes)
    }
}

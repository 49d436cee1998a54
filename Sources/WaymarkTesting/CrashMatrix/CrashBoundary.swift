/// A place at which a process that works on a request can die, or lose its connection.
public struct CrashBoundary: Sendable, Hashable {
    /// What is about to happen there.
    public enum Kind: String, Sendable, CaseIterable {
        /// A statement is sent to the database; also `COMMIT`.
        case statement
        /// The database has done what it was sent, and its answer arrives.
        case answer
        /// A foreign system is called, or asked what became of a call.
        case call
        /// The foreign system has done it, and its answer arrives.
        case effect
    }

    /// Its place in the order in which an undisturbed process comes to them, from 1.
    public let number: Int
    public let kind: Kind
    /// The step that was begun last.
    public let step: String
    /// The statement's first words, or what the foreign system is called for.
    public let text: String

    /// What a step that asks is called for.
    static let question = "reconcile"

    /// Whether the foreign system is only asked.
    var isQuestion: Bool { text == Self.question }

    static func shortened(_ text: String) -> String {
        let words = text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        return words.count <= 48 ? words : words.prefix(47) + "…"
    }
}

extension CrashBoundary: CustomStringConvertible {
    public var description: String { "\(number) (\(kind.rawValue) in '\(step)': \(text))" }
}

/// What is done to a process at a boundary.
public enum CrashFault: String, Sendable, Hashable, CaseIterable {
    /// The process is gone, without a word to anybody.
    case crash
    /// The process stands still until others have finished its request, and then goes on as if nothing had been.
    case zombie
    /// The process stands still until another one has taken its request over, and goes on while that one works.
    case overtaken
    /// The connection breaks: before a statement is sent, or after it was done and before its answer.
    case connectionLost = "connection lost"
    /// The server ends the session, as `pg_terminate_backend` does.
    case backendTerminated = "backend ended"
    /// The statement fails with SQLSTATE 40001.
    case serializationFailure = "40001"
    /// The statement fails with SQLSTATE 40P01.
    case deadlock = "40P01"
    /// The statement fails with SQLSTATE 57014, as at a statement timeout.
    case statementTimeout = "57014"
    /// The foreign system did it, and its answer is lost.
    case answerLost = "answer lost"

    /// The SQLSTATE with which a statement is made to fail.
    var sqlState: String? {
        switch self {
        case .serializationFailure, .deadlock, .statementTimeout: rawValue
        default: nil
        }
    }

    /// Whether it can be at this boundary.
    /// - Parameter calledOnce: the steps that call at most once.
    func applies(to boundary: CrashBoundary, calledOnce: Set<String>) -> Bool {
        switch self {
        case .crash: true
        case .zombie, .overtaken:
            !(boundary.kind == .call && !boundary.isQuestion && calledOnce.contains(boundary.step))
        case .connectionLost: boundary.kind == .statement || boundary.kind == .answer
        case .backendTerminated, .serializationFailure, .deadlock, .statementTimeout: boundary.kind == .statement
        case .answerLost: boundary.kind == .effect
        }
    }
}

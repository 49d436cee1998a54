import Foundation
import Synchronization
import Waymark

/// Foreign systems that live as long as a test, whatever becomes of the runners that call them: what they did is what counts.
final class Ledger: Sendable {
    fileprivate struct State {
        var effects: [String: [String]] = [:]
        var answers: [String: String] = [:]
        var failures: [String: [any Error]] = [:]
        var questions: [String: Int] = [:]
    }

    private let state = Mutex(State())

    /// A call to a system that remembers idempotency keys: a second one with the same key is answered, and does nothing.
    @discardableResult
    func call(_ name: String, key: String, _ detail: String = "") throws -> String {
        try state.withLock { state in
            try state.fail(name)
            if let answer = state.answers[key] { return answer }
            state.effects[name, default: []].append(detail)
            let answer = "\(name)-\(state.effects[name, default: []].count)"
            state.answers[key] = answer
            return answer
        }
    }

    /// A call to a system that does it again every time it is asked.
    func act(_ name: String, _ detail: String) throws {
        try state.withLock { state in
            try state.fail(name)
            state.effects[name, default: []].append(detail)
            try state.fail("\(name), afterwards")
        }
    }

    /// What it did for whoever asks.
    func look(_ name: String, _ detail: String) throws -> Bool {
        try state.withLock { state in
            state.questions[name, default: 0] += 1
            try state.fail("\(name)?")
            return state.effects[name, default: []].contains(detail)
        }
    }

    /// The next calls of `name` throw these, in order. `name, afterwards`: once they had their effect; `name?`: questions.
    func fail(_ name: String, with errors: any Error...) {
        state.withLock { $0.failures[name, default: []] += errors }
    }

    func effects(_ name: String) -> [String] { state.withLock { $0.effects[name, default: []] } }

    func questions(_ name: String) -> Int { state.withLock { $0.questions[name, default: 0] } }
}

extension Ledger.State {
    fileprivate mutating func fail(_ name: String) throws {
        guard let first = failures[name]?.first else { return }
        failures[name]?.removeFirst()
        throw first
    }
}

import Synchronization
import Waymark

/// What all recording services of one run have done, apart from those of every other run.
package final class ForeignWorld: Sendable {
    /// The world that the current task does things to.
    @TaskLocal package static var current: ForeignWorld?

    /// One thing that was done.
    struct Effect: Sendable {
        let service: String
        let operation: String
        /// What the caller called it; nil where a repeat is another effect.
        let key: String?
        let parameters: String
        /// When, by the world's clock.
        let at: Duration
    }

    private let effects: Mutex<[Effect]>
    /// How much time has passed.
    private let now: @Sendable () -> Duration

    /// - Parameter effects: what was done before.
    init(_ effects: [Effect] = [], now: @escaping @Sendable () -> Duration = { .zero }) {
        self.effects = Mutex(effects)
        self.now = now
    }

    /// Does something, unless it was done under this key and the service still remembers.
    /// - Returns: which of the service's effects of this operation it is, from 1.
    func perform(
        _ operation: String, of service: String, key: String?, _ parameters: String, remembering memory: Duration?
    ) -> Int {
        let now = now()
        return effects.withLock { effects in
            let known = effects.indices.filter {
                effects[$0].service == service && effects[$0].operation == operation
            }
            if let key,
                let place = known.lastIndex(where: { index in
                    effects[index].key == key && memory.map { now - effects[index].at <= $0 } ?? true
                })
            {
                return place + 1
            }
            effects.append(
                Effect(service: service, operation: operation, key: key, parameters: parameters, at: now))
            return known.count + 1
        }
    }

    var all: [Effect] { effects.withLock(\.self) }

    func all(of service: String) -> [Effect] { effects.withLock { $0.filter { $0.service == service } } }

    /// Every effect, without the callers' keys.
    var described: [JSONValue] {
        let names = names
        return all.map { effect in
            .object([
                "service": .string(effect.service), "operation": .string(effect.operation),
                "parameters": .string(names.naming(effect.parameters)),
            ])
        }
    }

    /// What the callers' keys stand for.
    var names: ForeignNames {
        all.reduce(into: ForeignNames()) { names, effect in
            guard let key = effect.key else { return }
            names.add(key, "\(effect.service) \(effect.operation) \(names.naming(effect.parameters))")
        }
    }
}

/// Callers' keys, which are others in each run, and what was done under them, which is the same.
struct ForeignNames: Sendable {
    /// What is shorter may stand in a text by chance.
    private static let shortestKey = 16

    private var names: [(key: String, name: String)] = []

    /// - Parameter name: what was done under the key. Of several things that were, the first counts.
    mutating func add(_ key: String, _ name: String) {
        guard key.count >= Self.shortestKey, !names.contains(where: { $0.key == key }) else { return }
        names.append((key, "‹\(name)›"))
    }

    /// A text with each key replaced by what was done under it.
    func naming(_ text: String) -> String {
        names.reduce(text) { text, known in text.replacing(known.key, with: known.name) }
    }

    /// A value with each key in its texts replaced.
    func naming(_ value: JSONValue) -> JSONValue {
        switch value {
        case .string(let text): .string(naming(text))
        case .array(let elements): .array(elements.map(naming))
        case .object(let members): .object(members.mapValues(naming))
        default: value
        }
    }
}

import Waymark

/// What a run has left behind, to be compared with what another one has.
struct Observation: Sendable {
    static let effects = "foreign effects"
    static let outside = "outside"

    /// The rows of each table, the effects of foreign systems, and the answer, each under its name.
    let parts: [String: [JSONValue]]

    /// - Parameter names: what foreign systems know things by, which is another in each run.
    init(
        state: JSONValue, answer: String, effects: [JSONValue], outside: [String], names: ForeignNames = .init()
    ) throws {
        var parts: [String: [JSONValue]] = [:]
        if case .object(let tables) = state {
            for case (let name, .array(let rows)) in tables { parts[name] = rows }
        }
        parts["answer"] = [try JSONValue(parsing: answer, depth: JSONCoding.storedDepth)]
        parts[Self.effects] = effects
        parts[Self.outside] = outside.map(JSONValue.string)
        self.parts = parts.mapValues { rows in rows.map { names.naming($0).flattened } }
    }
}

extension JSONValue {
    /// An object without objects inside: their members by paths, such as `payload.ride_id`.
    fileprivate var flattened: JSONValue {
        guard case .object(let members) = self else { return self }
        return .object(
            members.reduce(into: [:]) { flat, member in
                guard case .object(let inner) = member.value.flattened else {
                    flat[member.key] = member.value
                    return
                }
                for (name, value) in inner { flat["\(member.key).\(name)"] = value }
            })
    }
}

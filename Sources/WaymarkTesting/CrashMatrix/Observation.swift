import Waymark

/// What a run has left behind, to be compared with what another one has.
struct Observation: Sendable {
    static let effects = "foreign effects"
    static let outside = "outside"

    /// The rows of each table, the effects of foreign systems, and the answer, each under its name.
    let parts: [String: [JSONValue]]

    init(state: JSONValue, answer: String, effects: [JSONValue], outside: [String]) throws {
        var parts: [String: [JSONValue]] = [:]
        if case .object(let tables) = state {
            for case (let name, .array(let rows)) in tables { parts[name] = rows }
        }
        parts["answer"] = [try JSONValue(parsing: answer, depth: JSONCoding.storedDepth)]
        parts[Self.effects] = effects
        parts[Self.outside] = outside.map(JSONValue.string)
        self.parts = parts.mapValues { $0.map(\.flattened) }
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

/// What differs from run to run by its nature: ids, times, drawn numbers. Learned from two runs without a fault.
struct Volatility: Sendable {
    /// The members whose values are not compared, by part.
    private var members: [String: Set<String>] = [:]
    /// Parts whose rows are not objects, and differ.
    private var whole: Set<String> = []

    init(_ first: Observation, _ second: Observation) {
        for (name, rows) in first.parts {
            let others = second.parts[name] ?? []
            for member in Self.members(of: rows + others)
            where Self.values(of: member, in: rows) != Self.values(of: member, in: others) {
                members[name, default: []].insert(member)
            }
            let texts = { (rows: [JSONValue]) in rows.filter { !$0.isObject }.map(\.canonical).sorted() }
            if texts(rows) != texts(others) { whole.insert(name) }
        }
    }

    private static func members(of rows: [JSONValue]) -> Set<String> {
        rows.reduce(into: []) { if case .object(let row) = $1 { $0.formUnion(row.keys) } }
    }

    private static func values(of member: String, in rows: [JSONValue]) -> [String] {
        rows.map { if case .object(let row) = $0 { row[member]?.canonical ?? "" } else { "" } }.sorted()
    }

    /// How a run differs from what it was to leave behind; one sentence each.
    func differences(of found: Observation, from expected: Observation) -> [String] {
        Set(found.parts.keys).union(expected.parts.keys).sorted().compactMap { name in
            let (found, expected) = (lines(of: name, in: found), lines(of: name, in: expected))
            if found == expected { return nil }
            return "\(name): \(Self.extra(found, over: expected)) instead of \(Self.extra(expected, over: found))"
        }
    }

    /// What the foreign systems did beyond what they were to do.
    func surplusEffects(of found: Observation, over expected: Observation) -> [String] {
        [Observation.effects, Observation.outside].compactMap { name in
            let surplus = Self.extra(lines(of: name, in: found), over: lines(of: name, in: expected))
            return surplus == "nothing" ? nil : "\(name): also \(surplus)"
        }
    }

    private func lines(of name: String, in observation: Observation) -> [String] {
        let rows = observation.parts[name] ?? []
        return rows.map { row in
            guard case .object(var members) = row else { return whole.contains(name) ? "…" : row.canonical }
            for member in self.members[name] ?? [] where members[member] != nil { members[member] = .string("…") }
            return JSONValue.object(members).canonical
        }.sorted()
    }

    /// What `lines` has and `others` has not.
    private static func extra(_ lines: [String], over others: [String]) -> String {
        var left = others
        let extra = lines.filter { line in
            guard let index = left.firstIndex(of: line) else { return true }
            left.remove(at: index)
            return false
        }
        return extra.isEmpty ? "nothing" : extra.joined(separator: ", ")
    }
}

extension JSONValue {
    fileprivate var isObject: Bool { if case .object = self { true } else { false } }
}

import Waymark

/// What differs from run to run by its nature: ids, times, drawn numbers, numbers given in the order of arrival. Learned from
/// runs without a fault.
struct Volatility: Sendable {
    private let comparisons: [String: Comparison]

    /// - Parameter runs: what undisturbed runs have left behind.
    init(_ runs: [Observation]) {
        let names = Set(runs.flatMap(\.parts.keys))
        comparisons = names.reduce(into: [:]) { comparisons, name in
            comparisons[name] = Comparison(learnedFrom: runs.map { $0.parts[name] ?? [] })
        }
    }

    /// What differs between the undisturbed runs; one sentence for each part and way to differ.
    var told: [String] {
        comparisons.sorted { $0.key < $1.key }.flatMap { name, comparison in
            comparison.told.map { "differs between undisturbed runs: \(name): \($0)" }
        }
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
        (comparisons[name] ?? Comparison()).lines(of: observation.parts[name] ?? [])
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

/// How the rows of one part of an observation are compared.
private struct Comparison: Sendable {
    /// Members whose values are not compared; that they are there is.
    private var masked: Set<String> = []
    /// Groups of members that are compared by themselves, as it differs which of them go with which of the others.
    private var apart: [Set<String>] = []
    /// Whether rows that are not objects are the same in each run.
    private var comparesTexts = true
    /// Whether there are as many rows in each run.
    private var comparesCount = true
    /// Pairs of members that go together otherwise in each run.
    private var pairs: [(String, String)] = []

    private typealias Row = [String: JSONValue]

    init() {}

    init(learnedFrom runs: [[JSONValue]]) {
        comparesCount = Set(runs.map(\.count)).count <= 1
        comparesTexts = Self.areSame(runs.map { $0.filter { !$0.isObject }.map(\.canonical) })
        let tables = runs.map { $0.compactMap(\.members) }
        let members = Set(tables.joined().flatMap(\.keys)).sorted()
        masked = Set(members.filter { !Self.goTogether([$0], in: tables) })
        let maskedTables = tables.map { $0.map(masking) }
        var groups: [Set<String>] = [[]]
        for member in members {
            if let group = groups.indices.first(where: {
                Self.goTogether(groups[$0].union([member]), in: maskedTables)
            }) {
                groups[group].insert(member)
            } else {
                groups.append([member])
            }
        }
        apart = Array(groups.dropFirst())
        for member in apart.joined().sorted() {
            for other in groups[0].sorted() where !Self.goTogether([member, other], in: maskedTables) {
                pairs.append((other, member))
            }
        }
    }

    /// What a person is to know of it.
    var told: [String] {
        if !comparesCount { return ["the number of rows; nothing of it is compared"] }
        let texts = comparesTexts ? [] : ["what is no object; it is not compared"]
        let values = masked.isEmpty ? [] : ["\(masked.sorted().joined(separator: ", ")); not compared"]
        return texts + values
            + pairs.map { "which \($0) goes with which \($1), as with an order of arrival; each is compared by itself" }
    }

    /// A text for each row and each group of members, for comparison.
    func lines(of rows: [JSONValue]) -> [String] {
        guard comparesCount else { return [] }
        let objects = rows.compactMap(\.members).map(masking)
        let alone = Set(apart.joined())
        let texts = rows.filter { !$0.isObject }.map { comparesTexts ? $0.canonical : "…" }
        let main = objects.map { row in JSONValue.object(row.filter { !alone.contains($0.key) }).canonical }
        let others = apart.flatMap { Self.projection(of: objects, to: $0) }
        return (texts + main + others).sorted()
    }

    private func masking(_ row: Row) -> Row {
        row.reduce(into: [:]) { $0[$1.key] = masked.contains($1.key) ? .string("…") : $1.value }
    }

    /// Whether rows have the same values of these members, taken together, in each run.
    private static func goTogether(_ members: Set<String>, in tables: [[Row]]) -> Bool {
        areSame(tables.map { projection(of: $0, to: members) })
    }

    private static func projection(of rows: [Row], to members: Set<String>) -> [String] {
        rows.map { row in JSONValue.object(row.filter { members.contains($0.key) }).canonical }
    }

    private static func areSame(_ runs: [[String]]) -> Bool { Set(runs.map { $0.sorted() }).count <= 1 }
}

extension JSONValue {
    fileprivate var isObject: Bool { members != nil }

    fileprivate var members: [String: JSONValue]? { if case .object(let members) = self { members } else { nil } }
}

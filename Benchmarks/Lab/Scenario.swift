/// Something that is measured, on databases of its own.
protocol Scenario: Sendable {
    /// What `--rows` calls it.
    var name: String { get }
    /// Whether it has no place in a run of under three minutes.
    var isLong: Bool { get }
    func run(in lab: Lab) async throws -> [Row]
}

extension Scenario {
    var isLong: Bool { false }
}

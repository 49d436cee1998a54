/// One line of the table: a figure of ours, what it is measured against, and whether it is good enough.
struct Row: Sendable, Encodable {
    /// What must be true of the figure.
    struct Target: Sendable, Encodable {
        enum Bound: String, Sendable, Encodable {
            case atLeast = "at_least"
            case atMost = "at_most"
        }

        let bound: Bound
        let value: Double
        /// What would be better than enough, of the same bound; is only shown.
        var stretch: Double?

        static func atLeast(_ value: Double, stretch: Double? = nil) -> Target {
            Target(bound: .atLeast, value: value, stretch: stretch)
        }

        static func atMost(_ value: Double) -> Target { Target(bound: .atMost, value: value) }

        func holds(for figure: Double) -> Bool {
            switch bound {
            case .atLeast: figure >= value
            case .atMost: figure <= value
            }
        }
    }

    let what: String
    /// Of both figures, such as `rides/s`.
    let unit: String
    let ours: Double?
    /// What the same work takes where it is done by hand, or under other circumstances; see docs/performance.md.
    let yardstick: Double?
    /// Ours by the yardstick.
    let ratio: Double?
    /// Of the ratio; of our figure, where there is no yardstick.
    let target: Target?
    /// Whether the target holds, and everything that was checked; nil without a target and without problems.
    let holds: Bool?
    /// What is wrong with the results behind the figures, as sentences.
    let problems: [String]

    init(
        _ what: String, _ unit: String, ours: Double?, yardstick: Double? = nil, target: Target? = nil,
        problems: [String] = []
    ) {
        self.what = what
        self.unit = unit
        self.ours = ours
        self.yardstick = yardstick
        self.target = target
        self.problems = problems
        let ratio: Double? = if let ours, let yardstick, yardstick > 0 { ours / yardstick } else { nil }
        self.ratio = ratio
        let figure = yardstick == nil ? ours : ratio
        if !problems.isEmpty {
            holds = false
        } else if let target {
            holds = figure.map(target.holds) ?? false
        } else {
            holds = nil
        }
    }
}

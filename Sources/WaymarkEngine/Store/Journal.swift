import Waymark

/// What the steps behind a key returned: in memory where this process ran them, from the row where another did.
struct Journal: Sendable {
    private enum Output: Sendable {
        case value(any Sendable)
        case json(String)
    }

    private var outputs: [String: Output] = [:]

    init() {}

    /// - Parameter json: the column, an array of entries.
    /// - Throws: `WaymarkError` when it is not one.
    init(json: String) throws {
        guard case .array(let entries) = try JSONValue(parsing: json, depth: JSONCoding.storedDepth + 2) else {
            throw WaymarkError(.invalidJSON, "not an array", field: "journal")
        }
        for case .object(let entry) in entries {
            guard case .string(let step) = entry["step"], let output = entry["output"] else {
                throw WaymarkError(.invalidJSON, "an entry without step or output", field: "journal")
            }
            outputs[step] = .json(output.canonical)
        }
    }

    mutating func record(_ value: StepValue, of step: String) {
        outputs[step] = .value(value.value)
    }

    /// What `step` returned.
    /// - Throws: `WaymarkError` when it is not in the journal, `DecodingError` when it does not decode any more.
    func output(of step: DeclaredStep) throws -> any Sendable {
        switch outputs[step.name] {
        case .value(let value): return value
        case .json(let json): return try step.decodeOutput(json)
        case nil: throw WaymarkError(.unknownName, "no output of step '\(step.name)'", field: "journal")
        }
    }
}

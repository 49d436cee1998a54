package import Waymark

/// What the steps behind a key returned: in memory where this process ran them, from the row where another did.
package struct Journal: Sendable {
    private enum Output: Sendable {
        case value(StepValue)
        case json(String, version: Int)
    }

    private var outputs: [FinishedStep: Output] = [:]
    /// The elements of each ForEach that was begun, as JSON.
    private(set) var elements: [Int: String] = [:]
    /// What was chosen at each choice.
    private(set) var chosen: [FinishedStep: String] = [:]
    /// The steps to be undone after a rejection, in the order in which they were committed.
    package private(set) var done: [FinishedStep] = []

    package init() {}

    /// - Parameter json: the column, an array of entries.
    /// - Throws: `WaymarkError` when it is not one.
    package init(json: String, plan: StepPlan) throws {
        guard case .array(let entries) = try JSONValue(parsing: json, depth: JSONCoding.storedDepth + 2) else {
            throw WaymarkError(.invalidJSON, "not an array", field: "journal")
        }
        for case .object(let entry) in entries {
            guard case .string(let name) = entry["step"], let output = entry["output"] else {
                throw WaymarkError(.invalidJSON, "an entry without step or output", field: "journal")
            }
            read(entry, of: RecoveryPoint(name), output: output, plan)
        }
    }

    private mutating func read(
        _ entry: [String: JSONValue], of point: RecoveryPoint, output: JSONValue, _ plan: StepPlan
    ) {
        // A step that is removed on purpose leaves nothing to read, and nothing to undo.
        if plan.isRemoved(point.step) { return }
        let index = plan.index(named: point.step)
        let step = FinishedStep(step: index, element: point.element)
        switch point.stage {
        case .undone:
            // Steps that are not declared any more are all alike here: that one is undone says nothing of the others.
            if index != nil { done.removeAll { $0 == step } }
        case .begun: if let index { elements[index] = output.canonical }
        case .asleep, .waiting, .undoing: return
        case nil:
            if index != nil { outputs[step] = .json(output.canonical, version: Self.version(of: entry)) }
            if let index, case .choice = plan[index].kind, case .string(let label) = output {
                chosen[step] = label
            }
            if Self.isUndoable(entry) { done.append(step) }
        }
    }

    private static func version(of entry: [String: JSONValue]) -> Int {
        guard case .number(let digits) = entry["version"] else { return 1 }
        return Int(digits) ?? 1
    }

    private static func isUndoable(_ entry: [String: JSONValue]) -> Bool {
        guard case .string(let text) = entry["mark"] else { return true }
        return JournalEntry.Mark(rawValue: text)?.isUndoable ?? true
    }

    /// What was chosen at the choices that are behind, by their names; for the element of a ForEach, at its own.
    package func choices(_ plan: StepPlan, element: Int? = nil) -> StepPlan.Choices {
        var choices: StepPlan.Choices = [:]
        for case let (step, label) in chosen where step.element == element {
            if let index = step.step { choices[plan[index].name] = label }
        }
        return choices
    }

    package mutating func record(_ value: StepValue, of step: FinishedStep) {
        outputs[step] = .value(value)
    }

    mutating func record(elements json: String, of group: Int) {
        elements[group] = json
    }

    /// Takes over what a branch recorded.
    mutating func merge(_ branch: Journal) {
        outputs.merge(branch.outputs) { own, _ in own }
    }

    /// Whether `step` is committed.
    func contains(_ step: FinishedStep) -> Bool { outputs[step] != nil }

    /// Whether a step is committed, for whichever element.
    func contains(anyOf step: Int) -> Bool { outputs.keys.contains { $0.step == step } }

    /// The bytes of what `step` returned, as JSON.
    func bytes(of step: FinishedStep) -> Int {
        switch outputs[step] {
        case nil: 0
        case .value(let value): value.json.utf8.count
        case .json(let json, version: _): json.utf8.count
        }
    }

    /// What `step` returned.
    /// - Throws: `WaymarkError` when it is not in the journal, `DecodingError` when it does not decode any more.
    package func output(of step: FinishedStep, _ plan: StepPlan) throws -> any Sendable {
        guard let index = step.step, let output = outputs[step] else {
            let name = step.step.map { plan[$0].name } ?? "?"
            throw WaymarkError(.unknownName, "no output of step '\(name)'", field: "journal")
        }
        switch output {
        case .value(let value): return try value.read()
        case .json(let json, let version): return try plan[index].decodeOutput(json, version)
        }
    }
}

extension JournalEntry.Mark {
    /// Whether the step is undone after a rejection.
    package var isUndoable: Bool { self == .reconciled || self == .resolved }
}

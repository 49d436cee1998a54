import Waymark

/// The branches of a group that a key is in: the name under which each is stored, and its line in the declaration.
///
/// A `Parallel` stores its branches by name, a `ForEach` its elements by number. Earlier releases stored the branches of a
/// `Parallel` by position: those are recognised by what they have committed, and keep their numbers until the group ends.
struct GroupBranches {
    struct Branch: Equatable {
        let name: String
        let line: Int
        var element: Int?
    }

    /// In the order of the declaration, or of the elements.
    let all: [Branch]

    /// - Throws: `WaymarkError` (`unknownName`) where the branches on record are not those of the declaration.
    init(of group: Int, stored: [String: BranchState], _ journal: Journal, _ plan: StepPlan) throws(WaymarkError) {
        let lines = plan.lines(of: group)
        let isNumbered = Set(stored.keys) == Set((0..<stored.count).map(String.init))
        if case .forEach = plan[group].kind, isNumbered {
            all = (0..<stored.count).map { Branch(name: "\($0)", line: lines[0], element: $0) }
        } else if Set(stored.keys) == Set(lines.map(plan.label)) {
            all = lines.map { Branch(name: plan.label(of: $0), line: $0) }
        } else if isNumbered, stored.count == lines.count {
            all = Self.recognised(stored, lines, journal, plan)
        } else {
            let (found, declared) = (stored.keys.sorted(), lines.map(plan.label).sorted())
            throw WaymarkError(
                .unknownName,
                "of '\(plan[group].name)' the branches \(found.joined(separator: ", ")) are under way, "
                    + "and \(declared.joined(separator: ", ")) are declared", field: "branches")
        }
    }

    /// Finds the line of each branch that was stored by its position.
    private static func recognised(
        _ stored: [String: BranchState], _ lines: [Int], _ journal: Journal, _ plan: StepPlan
    ) -> [Branch] {
        var names: [Int: String] = [:]
        var left = stored
        func take(_ line: Int, _ name: String?) {
            guard names[line] == nil, let name, left[name] != nil else { return }
            names[line] = name
            left[name] = nil
        }
        for (name, state) in stored {
            guard let step = plan.index(named: RecoveryPoint(state.point).step) else { continue }
            let line = plan.line(of: step)
            if lines.contains(line) { take(line, name) }
        }
        for line in lines {
            guard case .output(let last) = plan.result(ofLine: line, journal.choices(plan)),
                journal.contains(FinishedStep(step: last))
            else { continue }
            // Those that have ended differ in nothing but their outputs, which the journal has.
            take(line, left.first { $0.value.isFinished }?.key)
        }
        for (position, line) in lines.enumerated() { take(line, "\(position)") }
        for line in lines { take(line, left.keys.min()) }
        return lines.compactMap { line in names[line].map { Branch(name: $0, line: line) } }
    }
}

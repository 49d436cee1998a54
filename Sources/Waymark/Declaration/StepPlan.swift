/// The steps of a declaration with those inside choices and groups, and what comes after what.
///
/// Steps are numbered in the order in which they are written. A **line** is a sequence that has a recovery point of its
/// own: the saga's own sequence, and each branch of a group. The ways of a choice are parts of the line they are in.
package struct StepPlan: Sendable {
    private struct Sequence {
        var steps: [Int] = []
        /// The step whose branch it is; nil for the saga's own.
        let owner: Int?
        let label: String
    }

    private struct Place {
        let step: DeclaredStep
        let sequence: Int
        let position: Int
        /// The sequences of its branches.
        var branches: [Int] = []
    }

    /// The saga's own line.
    package static let main = 0

    private var sequences: [Sequence] = []
    private var places: [Place] = []
    private var byName: [String: Int] = [:]
    private let removed: Set<String>

    /// - Parameter removed: the names of steps that earlier versions had, and of which nothing is to be undone.
    init(_ steps: [DeclaredStep], removed: [String] = []) {
        self.removed = Set(removed)
        _ = lay(steps, owner: nil, label: "")
    }

    private mutating func lay(_ steps: [DeclaredStep], owner: Int?, label: String) -> Int {
        let sequence = sequences.count
        sequences.append(Sequence(owner: owner, label: label))
        for (position, step) in steps.enumerated() {
            let index = places.count
            places.append(Place(step: step, sequence: sequence, position: position))
            sequences[sequence].steps.append(index)
            for name in [step.name] + step.formerNames { byName[name] = index }
            for branch in step.branches {
                let laid = lay(branch.steps, owner: index, label: branch.label)
                places[index].branches.append(laid)
            }
        }
        return sequence
    }

    package var steps: [DeclaredStep] { places.map(\.step) }

    package subscript(_ index: Int) -> DeclaredStep { places[index].step }

    /// The step with this name, or that had it once.
    package func index(named name: String) -> Int? { byName[name] }

    /// Whether a step of an earlier version is declared as removed.
    package func isRemoved(_ name: String) -> Bool { removed.contains(name) }

    /// The name of a group's branch.
    package func label(of line: Int) -> String { sequences[line].label }

    /// The lines of a group's branches, in order.
    package func lines(of group: Int) -> [Int] { places[group].branches }

    /// The group that a line is a branch of; nil for the saga's own.
    package func group(of line: Int) -> Int? { sequences[line].owner }

    /// The line that a step is in.
    package func line(of index: Int) -> Int {
        let sequence = places[index].sequence
        guard let owner = sequences[sequence].owner, case .choice = places[owner].step.kind else { return sequence }
        return line(of: owner)
    }

    /// The step of the saga's own sequence that a step is, or is inside of.
    package func outermost(_ index: Int) -> Int {
        sequences[places[index].sequence].owner.map(outermost) ?? index
    }

    /// What was chosen at choices passed so far, by the choice's name.
    package typealias Choices = [String: String]

    /// A line's first step; nil where it has none.
    package func first(of line: Int) -> Int? { sequences[line].steps.first }

    /// The step after a committed one, in its line; nil at the line's end, and after a choice that is not known.
    package func next(after index: Int, _ choices: Choices) -> Int? {
        let place = places[index]
        if case .choice = place.step.kind {
            guard let way = way(of: index, choices) else { return nil }
            return sequences[way].steps.first ?? follower(of: index)
        }
        return follower(of: index)
    }

    private func follower(of index: Int) -> Int? {
        let place = places[index]
        let sequence = sequences[place.sequence]
        if place.position + 1 < sequence.steps.count { return sequence.steps[place.position + 1] }
        guard let owner = sequence.owner, case .choice = places[owner].step.kind else { return nil }
        return follower(of: owner)
    }

    /// Whether nothing in the step's line comes after it.
    package func isLast(_ index: Int) -> Bool {
        if case .choice = places[index].step.kind { return false }
        return follower(of: index) == nil
    }

    /// Whether the step's commit is also the end of the step of the saga's own sequence that it is, or is inside of.
    package func endsOutermost(_ index: Int) -> Bool {
        if case .choice = places[index].step.kind { return false }
        return line(of: index) == Self.main && follower(of: index).map(outermost) != outermost(index)
    }

    /// A step and those inside of it, in the order in which they are written.
    package func steps(within index: Int) -> [Int] {
        [index] + places[index].branches.flatMap { sequences[$0].steps.flatMap(steps(within:)) }
    }

    /// What may still be performed in a step's line after it, whatever is chosen; with what is inside of these steps.
    package func steps(after index: Int) -> [Int] {
        let place = places[index]
        let inside = isChoice(index) ? Array(steps(within: index).dropFirst()) : []
        let beside = sequences[place.sequence].steps.dropFirst(place.position + 1).flatMap(steps(within:))
        guard let owner = sequences[place.sequence].owner, isChoice(owner) else { return inside + beside }
        // The other ways of the choice that it is in are not taken any more.
        return inside + beside + steps(after: owner).filter { !steps(within: owner).contains($0) }
    }

    private func isChoice(_ index: Int) -> Bool {
        if case .choice = places[index].step.kind { true } else { false }
    }

    /// Where a step's input comes from.
    package enum Source: Sendable, Equatable {
        /// What its line was given.
        case line
        /// What this step returned.
        case output(Int)
        /// Nowhere: what was chosen at this choice is not declared any more.
        case undeclaredWay(Int)
    }

    package func source(of index: Int, _ choices: Choices) -> Source {
        let place = places[index]
        if place.position > 0 { return result(of: sequences[place.sequence].steps[place.position - 1], choices) }
        guard let owner = sequences[place.sequence].owner, case .choice = places[owner].step.kind else { return .line }
        return source(of: owner, choices)
    }

    /// Where the value that a step passes on is found: a choice's is that of the way that was taken.
    private func result(of index: Int, _ choices: Choices) -> Source {
        guard case .choice = places[index].step.kind else { return .output(index) }
        guard let way = way(of: index, choices) else {
            return choices[places[index].step.name] == nil ? source(of: index, choices) : .undeclaredWay(index)
        }
        return sequences[way].steps.last.map { result(of: $0, choices) } ?? source(of: index, choices)
    }

    /// Where the value that a finished line gives is found.
    package func result(ofLine line: Int, _ choices: Choices) -> Source {
        sequences[line].steps.last.map { result(of: $0, choices) } ?? .line
    }

    /// The choice that a step is on a way of which was not taken; nil where all those around it lead to the step.
    package func choiceLeadingElsewhere(from index: Int, _ choices: Choices) -> Int? {
        let sequence = sequences[places[index].sequence]
        guard let owner = sequence.owner, isChoice(owner) else { return nil }
        guard choices[places[owner].step.name] == sequence.label else { return owner }
        return choiceLeadingElsewhere(from: owner, choices)
    }

    /// Whether a choice may come to this label.
    package func hasWay(_ label: String, at choice: Int) -> Bool {
        places[choice].branches.contains { sequences[$0].label == label }
    }

    private func way(of choice: Int, _ choices: Choices) -> Int? {
        let chosen = choices[places[choice].step.name]
        return places[choice].branches.first { sequences[$0].label == chosen }
    }

    /// Every recovery point that a request can be at in `line`, in the order of the steps; without the line's last.
    package func forwardPoints(of line: Int) -> [String] {
        [SagaDeclaration.started]
            + places.indices.filter { self.line(of: $0) == line }.flatMap { index in
                let step = places[index].step
                let before = step.pointsBesideCommit(undo: false)
                return before + (isLast(index) ? [] : [step.name])
            }
    }
}

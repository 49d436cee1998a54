import Foundation
import Waymark

/// A key in flight, with everything that going on with it reads.
struct InFlightRow: Decodable, Sendable {
    let id: UUID
    let saga: String
    /// The version of the saga that accepted it.
    let version: Int
    let request: String
    let direction: String
    let recoveryPoint: String
    let journal: String
    let branches: [String: BranchState]
    let events: String
}

/// A look at what a declaration would make of a request in flight, without performing any of its steps.
///
/// It reads what the runner would read: the input of each step that the request stands at, the results of branches that are
/// over, what arrived for steps to come, and what each committed step's compensation takes.
struct Rehearsal {
    private(set) var findings: Set<InFlightFinding> = []
    /// Steps that come before the request's recovery point and were not performed: it goes on without them.
    private(set) var passedOver: Set<String> = []

    private let declaration: SagaDeclaration
    private let row: InFlightRow
    private var journal = Journal()

    private var plan: StepPlan { declaration.plan }

    init(of row: InFlightRow, by declaration: SagaDeclaration) {
        self.declaration = declaration
        self.row = row
        do {
            journal = try Journal(json: row.journal, plan: plan)
        } catch {
            findings.insert(.unreadable(Self.complaint(error)))
            return
        }
        for step in journal.done {
            if let index = step.step, plan[index].compensation != nil { readOutput(of: step) }
        }
        if row.direction == Direction.forward.rawValue { goForward() } else { goBack() }
    }

    private mutating func goBack() {
        let state = RunState(
            direction: .compensating, recoveryPoint: row.recoveryPoint, attempts: 1, done: journal.done)
        // A step that is not declared is counted with the others of its kind: see `KeyStatements.needs`.
        let isKnown = journal.done.allSatisfy { $0.step != nil }
        if isKnown, RunMachine(declaration: declaration, state: state).next == nil { findings.insert(.nothingToUndo) }
    }

    private mutating func goForward() {
        for (step, label) in journal.chosen {
            guard let index = step.step, !plan.hasWay(label, at: index) else { continue }
            findings.insert(.undeclaredWay(choice: plan[index].name, label: label))
        }
        readEvents()
        // A point that the declaration does not have is counted with the others of its kind: see `KeyStatements.needs`.
        guard let work = next(StepPlan.main, at: row.recoveryPoint) else { return }
        look(at: work, of: StepPlan.main)
        if work.isBegun, plan[work.step].isGroup { goInside(work) }
    }

    private func next(_ line: Int, element: Int? = nil, at point: String) -> Work? {
        let state = RunState(recoveryPoint: point, attempts: 1, choices: journal.choices(plan, element: element))
        return RunMachine(declaration: declaration, line: line, element: element, state: state).next
    }

    /// Looks at the step that a line stands at, and at those before and after it.
    private mutating func look(at work: Work, of line: Int) {
        let (step, choices) = (work.step, journal.choices(plan, element: work.element))
        switch plan.source(of: step, choices) {
        case .line: if line == StepPlan.main { readRequest() }
        case .output(let source):
            let finished = FinishedStep(step: source, element: work.element)
            if journal.contains(finished) {
                readOutput(of: finished)
            } else {
                findings.insert(.missing(step: plan[source].name, neededBy: plan[step].name))
            }
        case .undeclaredWay: break
        }
        if let choice = plan.choiceLeadingElsewhere(from: step, choices) {
            findings.insert(.otherWay(choice: plan[choice].name, step: plan[step].name))
        }
        let inside = work.isBegun ? [] : plan.steps(within: step)
        for index in inside + plan.steps(after: step) {
            let isCommitted =
                plan.line(of: index) == line
                ? journal.contains(FinishedStep(step: index, element: work.element)) : journal.contains(anyOf: index)
            if isCommitted { findings.insert(.repeated(step: plan[index].name)) }
        }
        var before = plan.first(of: line)
        while let index = before, index != step {
            if !journal.contains(FinishedStep(step: index, element: work.element)) {
                passedOver.insert(plan[index].name)
            }
            before = plan.next(after: index, choices)
        }
    }

    /// Looks at each branch of the group that the request is in.
    private mutating func goInside(_ work: Work) {
        let branches: [GroupBranches.Branch]
        do {
            branches = try GroupBranches(of: work.step, stored: row.branches, journal, plan).all
        } catch {
            findings.insert(.branches(group: plan[work.step].name, error.message))
            return
        }
        if case .forEach(let body) = plan[work.step].body { readElements(of: work.step, body) }
        for branch in branches {
            guard let state = row.branches[branch.name], state.rejected == nil else { continue }
            if state.isFinished {
                readResult(of: branch, in: work.step)
            } else if let next = next(branch.line, element: branch.element, at: state.point) {
                look(at: next, of: branch.line)
            }
        }
    }

    private mutating func readResult(of branch: GroupBranches.Branch, in group: Int) {
        let choices = journal.choices(plan, element: branch.element)
        guard case .output(let last) = plan.result(ofLine: branch.line, choices) else { return }
        let step = FinishedStep(step: last, element: branch.element)
        if journal.contains(step) { return readOutput(of: step) }
        findings.insert(.longerBranch(step: plan[last].name, group: plan[group].name))
    }

    private mutating func readOutput(of step: FinishedStep) {
        guard let index = step.step else { return }
        let (journal, plan) = (self.journal, self.plan)
        read(.output(step: plan[index].name)) { _ = try journal.output(of: step, plan) }
    }

    private mutating func readRequest() {
        let (row, decode) = (self.row, declaration.decodeRequest)
        read(.request) { _ = try decode(row.request, row.version) }
    }

    private mutating func readElements(of group: Int, _ body: ElementsBody) {
        let name = plan[group].name
        guard let stored = journal.elements[group] else {
            findings.insert(.missing(step: name, neededBy: name))
            return
        }
        read(.elements(step: name)) { _ = try body.decode(stored) }
    }

    /// Reads what arrived for steps that are not committed.
    private mutating func readEvents() {
        let events: [String: JSONValue]
        do {
            events = try Runner.events(row.events)
        } catch {
            findings.insert(.unreadable(Self.complaint(error)))
            return
        }
        for (name, event) in events {
            let point = RecoveryPoint(name)
            guard case .object(let delivery) = event, let index = plan.index(named: point.step),
                !journal.contains(FinishedStep(step: index, element: point.element))
            else { continue }
            let step = plan[index].name
            switch plan[index].body {
            case .wait(let body):
                if let value = delivery["value"] { read(.event(step: step)) { _ = try body.decode(value) } }
            case .child(let body):
                guard case .string(let answer) = delivery["body"], case .number(let status) = delivery["status"],
                    Int(status) == StoredAnswer.successStatus
                else { continue }
                read(.answer(step: step)) { _ = try body.decode(answer) }
            default: continue
            }
        }
    }

    private mutating func read(_ value: InFlightFinding.Value, _ decode: () throws -> Void) {
        do {
            try decode()
        } catch {
            findings.insert(.undecodable(value, Self.complaint(error)))
        }
    }

    /// An error without the values that it is about: these may be personal, and would make every key's finding its own.
    private static func complaint(_ error: any Error) -> String {
        switch error {
        case let error as DecodingError: (error.field.map { "\($0): " } ?? "") + error.complaint
        case let error as WaymarkError: error.description
        default: "\(type(of: error))"
        }
    }
}

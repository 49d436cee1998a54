import Waymark

/// Where the lines of a key are, as its saga's declaration has it.
struct KeyPosition {
    /// The key's own line, or a branch of the group that it is in.
    struct Line {
        let id: LineID
        let number: Int
        let element: Int?
        let parked: String?
        let state: RunState
        /// What comes next; nil where nothing does.
        let work: Work?
        /// How it is found out whether the call that comes next has happened already.
        let settling: RunMachine.Settling
    }

    let declaration: SagaDeclaration
    let journal: Journal
    /// The branches that are not rejected, where the key is in a group; else its own line alone.
    let lines: [Line]

    var plan: StepPlan { declaration.plan }

    /// - Throws: `WaymarkError` when the journal cannot be read, `OperatorError` (`refused`) when the branches on record are
    ///   not the declaration's.
    init(_ row: OperatedRow, _ declaration: SagaDeclaration) throws {
        let plan = declaration.plan
        let journal = try Journal(json: row.journal, plan: plan)
        self.declaration = declaration
        self.journal = journal
        func line(
            _ id: LineID, _ number: Int, _ element: Int? = nil, parked: String?, _ state: RunState
        ) -> Line {
            let machine = RunMachine(declaration: declaration, line: number, element: element, state: state)
            return Line(
                id: id, number: number, element: element, parked: parked, state: state, work: machine.next,
                settling: machine.settling)
        }
        let main = line(
            .main, StepPlan.main, parked: row.parkedReason,
            RunState(
                direction: Direction(rawValue: row.direction) ?? .forward, recoveryPoint: row.recoveryPoint,
                attempts: row.attempts, choices: journal.choices(plan), done: journal.done,
                isInDoubt: row.isInDoubt))
        guard let work = main.work, work.direction == .forward, work.isBegun, plan[work.step].isGroup else {
            lines = [main]
            return
        }
        let branches: GroupBranches
        do {
            branches = try GroupBranches(of: work.step, stored: row.branches, journal, plan)
        } catch {
            throw OperatorError(.refused, error.message)
        }
        lines = branches.all.compactMap { branch in
            guard let state = row.branches[branch.name], state.rejected == nil else { return nil }
            return line(
                .branch(branch.name, group: row.recoveryPoint), branch.line, branch.element, parked: state.parked,
                RunState(
                    recoveryPoint: state.point, attempts: state.attempts,
                    choices: journal.choices(plan, element: branch.element),
                    isInDoubt: state.doubt == true || row.isInDoubt && state.due == nil))
        }
    }

    /// What people call a line's work: the step's name, for one inside a ForEach with its element, `sent[3]`.
    func name(of work: Work) -> String {
        RecoveryPoint(step: plan[work.step].name, element: work.element).description
    }

    func kind(of work: Work) -> DeclaredStep.Kind? {
        work.direction == .forward ? plan[work.step].kind : plan[work.step].compensation?.kind
    }

    /// Whether nothing is to be undone after a rejection.
    /// - Parameter step: one that counts as done, beside those in the journal.
    /// - Throws: `OperatorError` (`refused`) when something was done that the declaration does not have any more.
    func hasNothingToUndo(but step: FinishedStep?) throws -> Bool {
        if journal.done.contains(where: { $0.step == nil }) {
            throw OperatorError(.refused, "the declaration does not have all the steps that it would have to undo")
        }
        let state = RunState(
            direction: .compensating, recoveryPoint: SagaDeclaration.started, attempts: 0,
            done: journal.done + (step.map { [$0] } ?? []))
        return RunMachine(declaration: declaration, state: state).next == nil
    }
}

import PostgresPQ
import Waymark

/// Names derived from a piece of work.
extension Runner {
    /// What the journal calls it.
    func journalName(_ work: Work) -> String {
        let isForward = work.direction == .forward
        return RecoveryPoint(
            step: plan[work.step].name, stage: isForward ? nil : .undone, element: work.element
        ).description
    }

    /// What the event is called that it waits for. By the step's first name, like a foreign key: what was delivered, and a
    /// child that was started, before a renaming are found after it.
    func eventName(_ work: Work) -> String { foreignPoint(work) }

    /// What a foreign key is derived from: the step's own first name, even where its commit writes `finished`.
    func foreignPoint(_ work: Work) -> String {
        let isForward = work.direction == .forward
        return RecoveryPoint(
            step: plan[work.step].originalName, stage: isForward ? nil : .undone, element: work.element
        ).description
    }

    /// What a job's id is derived from: the same, but for the saga's last commit.
    func jobPoint(_ work: Work) -> String {
        work.finishes && line.isMain ? SagaDeclaration.finished : foreignPoint(work)
    }

    /// What the work takes: in memory, or as it is stored.
    func input(of work: Work) throws -> any Sendable {
        if work.direction == .compensating {
            return try journal.output(of: FinishedStep(step: work.step, element: work.element), plan)
        }
        if let current { return current }
        return try value(from: plan.source(of: work.step, machine.state.choices))
    }

    /// What a finished line gives.
    func result() throws -> any Sendable {
        try current ?? value(from: plan.result(ofLine: line.number, machine.state.choices))
    }

    private func value(from source: StepPlan.Source) throws -> any Sendable {
        switch source {
        case .line: try line.input ?? saga.declaration.decodeRequest(key.request, key.version)
        case .undeclaredWay(let choice):
            throw WaymarkError(
                .unknownName, "'\(plan[choice].name)' went a way that is not declared any more", field: "journal")
        case .output(let index): try journal.output(of: FinishedStep(step: index, element: line.element), plan)
        }
    }
}

import Waymark

extension KeyPosition {
    /// The recovery point from which a call that is begun can be begun anew: the one before its beginning.
    /// - Throws: `OperatorError` (`refused`) when the declaration leads nowhere from which it would be next.
    func point(before work: Work, of line: Line) throws -> String {
        let point = work.direction == .forward ? forwardPoint(before: work, of: line) : pointWhileUndoing(work)
        guard let point else {
            throw OperatorError(.refused, "no recovery point of the declaration comes before '\(name(of: work))'")
        }
        return point
    }

    private func forwardPoint(before work: Work, of line: Line) -> String? {
        plan.forwardPoints(of: line.number).first { point in
            var state = line.state
            state.recoveryPoint = point
            let machine = RunMachine(
                declaration: declaration, line: line.number, element: line.element, state: state)
            guard let next = machine.next, next.step == work.step, !next.isBegun else { return false }
            return point == SagaDeclaration.started
                || journal.contains(FinishedStep(step: plan.index(named: point), element: line.element))
        }
    }

    /// On the way back what comes next depends on what is undone, not on the point: any that can be claimed will do that
    /// does not say that the compensation is begun: here the one at which the step was done.
    private func pointWhileUndoing(_ work: Work) -> String {
        guard let group = plan.group(of: plan.line(of: work.step)) else { return plan[work.step].name }
        return RecoveryPoint(step: plan[group].name, stage: .begun).description
    }
}

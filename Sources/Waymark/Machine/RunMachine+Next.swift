/// What comes next in a line, forwards and on the way back.
extension RunMachine {
    /// The work behind the recovery point; nil where the declaration has none.
    package var next: Work? {
        switch state.direction {
        case .forward: nextForward
        case .compensating: nextUndo
        }
    }

    private var nextForward: Work? {
        if state.recoveryPoint == SagaDeclaration.finished { return nil }
        let point = RecoveryPoint(state.recoveryPoint)
        var index: Int?
        if state.recoveryPoint == SagaDeclaration.started {
            index = plan.first(of: line)
        } else if let at = plan.index(named: point.step), plan.line(of: at) == line {
            switch point.stage {
            case nil: index = plan.next(after: at, state.choices)
            case plan[at].beginning: index = at
            default: return nil
            }
        }
        guard let index else { return nil }
        return Work(
            step: index, element: element, direction: .forward, from: state.recoveryPoint,
            to: plan.isLast(index) ? SagaDeclaration.finished : plan[index].name, isBegun: point.stage != nil)
    }

    /// The compensation of the last step that is committed, has one, and is not undone.
    var nextUndo: Work? {
        let undoable = state.done.filter { $0.step.map { plan[$0].compensation != nil } ?? false }
        guard let last = undoable.last, let step = last.step else { return nil }
        let point = RecoveryPoint(state.recoveryPoint)
        let undone = DeclaredCompensation.recoveryPoint(undoing: plan[step].name, element: last.element)
        return Work(
            step: step, element: last.element, direction: .compensating, from: state.recoveryPoint,
            to: undoable.count == 1 ? SagaDeclaration.finished : undone, isBegun: point.stage == .undoing)
    }
}

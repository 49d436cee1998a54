extension SagaDeclaration {
    /// Everything that the row of an unfinished request may ask for and that this declaration knows, former names included.
    ///
    /// | text | what asks for it |
    /// | --- | --- |
    /// | `charged`, `charged:undone` | the key's own recovery point |
    /// | `prepared/labelled` | the recovery point of a branch of the group `prepared` |
    /// | `prepared{booked,labelled}` | the branches of the group `prepared`, in the order of their names |
    /// | `parcels_sent{}` | the same of a group whose branches are numbers: a `ForEach`, or what an earlier release stored |
    /// | `journal:charged` | a committed step that is to be undone |
    /// | `version:2` | what this version of the saga has accepted or recorded |
    package var accepted: [String] {
        let groups = plan.steps.indices.filter { plan[$0].isGroup }
        let inGroups = groups.flatMap { group in
            points(plan.lines(of: group).flatMap(plan.forwardPoints)).flatMap { point in
                plan[group].names.map { "\($0)/\(point)" }
            }
        }
        let branches = groups.flatMap { group in
            var sets = [""]
            if case .parallel = plan[group].kind {
                sets.append(plan.lines(of: group).map(plan.label).sorted().joined(separator: ","))
            }
            return plan[group].names.flatMap { name in sets.map { "\(name){\($0)}" } }
        }
        let undoable = (plan.steps.flatMap(\.names) + removedSteps).map { "journal:\($0)" }
        return points(recoveryPoints) + inGroups + branches + undoable + (1...version).map { "version:\($0)" }
    }

    /// Recovery points, each also as earlier versions called it.
    private func points(_ texts: [String]) -> [String] {
        texts.flatMap { text in
            let point = RecoveryPoint(text)
            let formerNames = plan.index(named: point.step).map { plan[$0].formerNames } ?? []
            return [text] + formerNames.map { RecoveryPoint(step: $0, stage: point.stage).description }
        }
    }
}

extension DeclaredStep {
    fileprivate var names: [String] { [name] + formerNames }
}

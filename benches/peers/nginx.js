// Echoes the ticket, without which no answer counts as a note. A look for its name is all that is afforded: this is
// to be as fast as a fixed answer, as far as a script can be.
function create(r) {
    const body = r.requestText;
    const at = body.lastIndexOf('"RelatedTicketId":') + 18;
    const ticket = body.slice(at, body.indexOf('}', at)).replace(/[^0-9]/g, '');
    r.return(200, '{"Message":"Activity Created","RelatedTicketId":"' + ticket
        + '","RelatedOrgId":"22824","RelatedChannelMonitoringRequestId":0}');
}

export default { create };

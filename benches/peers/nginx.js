// Echoes the ticket, without which a reply does not count as posted. It only searches for the member's name, to be
// nearly as fast as a fixed reply.
function create(r) {
    const body = r.requestText;
    const at = body.lastIndexOf('"RelatedTicketId":') + 18;
    const ticket = body.slice(at, body.indexOf('}', at)).replace(/[^0-9]/g, '');
    r.return(200, '{"Message":"Activity Created","RelatedTicketId":"' + ticket
        + '","RelatedOrgId":"22824","RelatedChannelMonitoringRequestId":0}');
}

export default { create };
